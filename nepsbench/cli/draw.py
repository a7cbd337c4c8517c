"""``nepsbench draw``: an architecture as a picture."""

from __future__ import annotations

from pathlib import Path

import typer


def draw(
    space: str = typer.Argument(help="A space whose architectures are graphs."),
    architecture: str = typer.Argument(help="JSON, a number, or any notation of the space."),
    output: Path = typer.Option(..., "--output", "-o", help="The page to write, HTML."),
) -> None:
    """Draw an architecture: its operations as arcs, in a page that needs nothing else.

    Example: nepsbench draw nasbench201 213014 -o cell.html
    """
    from nepsbench.client.notations import configuration_of, query_of_text
    from nepsbench.errors import SpecError
    from nepsbench.files import write_text
    from nepsbench.pages.graphs import graph_plot
    from nepsbench.pages.page import Html, code, page
    from nepsbench.spaces import get_space
    from nepsbench.spaces.architecture import architecture_id
    from nepsbench.spaces.drawing import drawn_spaces, graphs_of

    known = get_space(space)
    configuration = configuration_of(known, query_of_text(known, architecture))
    graphs = graphs_of(space, configuration)
    if not graphs:
        raise SpecError(
            f"architectures of space {space} are no graphs; these are: {', '.join(drawn_spaces())}"
        )
    body = f"<p>{code(known.to_json(configuration))}</p>" + "".join(map(graph_plot, graphs))
    name = architecture_id(known, configuration)
    write_text(output, page(f"{space} {name}", f"{space} {name}", Html(body)))
    typer.echo(f"{output}: architecture {name}")
