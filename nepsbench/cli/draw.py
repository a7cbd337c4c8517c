"""``nepsbench draw``: an architecture as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from nepsbench.spaces import Configuration


def draw(
    space: str = typer.Argument(help="A space whose architectures are graphs."),
    architecture: str = typer.Argument(
        help="In a notation of the space, or JSON of all its parameters."
    ),
    output: Path = typer.Option(..., "--output", "-o", help="The page to write, HTML."),
) -> None:
    """Draw an architecture: its operations as arcs, in a page that needs nothing else.

    Example: nepsbench draw nasbench201 213014 -o cell.html
    """
    from nepsbench.errors import SpecError
    from nepsbench.files import write_text
    from nepsbench.pages.graphs import graph_plot
    from nepsbench.pages.page import Html, code, page
    from nepsbench.spaces import get_space
    from nepsbench.spaces.architecture import architecture_id
    from nepsbench.spaces.drawing import drawn_spaces, graphs_of

    known = get_space(space)
    configuration = _configuration(space, architecture)
    graphs = graphs_of(space, configuration)
    if not graphs:
        raise SpecError(
            f"architectures of space {space} are no graphs; these are: {', '.join(drawn_spaces())}"
        )
    body = f"<p>{code(known.to_json(configuration))}</p>" + "".join(map(graph_plot, graphs))
    name = architecture_id(known, configuration)
    write_text(output, page(f"{space} {name}", f"{space} {name}", Html(body)))
    typer.echo(f"{output}: architecture {name}")


def _configuration(space: str, text: str) -> Configuration:
    """Return what a text says: JSON, or a notation of the space."""
    from nepsbench.client.places import parse_query
    from nepsbench.spaces import get_space

    known = get_space(space)
    return dict(
        known.from_json(text) if text.lstrip().startswith("{") else parse_query(known, text)
    )
