"""Architectures as SVG: nodes on a line, an arc for each operation."""

from __future__ import annotations

from html import escape

from nepsbench.pages.page import Html
from nepsbench.pages.plots import WIDTH, svg, text
from nepsbench.spaces.drawing import Graph

_RADIUS, _MARGIN = 14, 40
#: Colours by what an operation's name begins with; what no name fits is grey.
_COLOURS = {
    "nor_conv": "#0072B2", "sep_conv": "#0072B2", "conv": "#0072B2", "dil_conv": "#56B4E9",
    "avg_pool": "#E69F00", "max_pool": "#D55E00", "skip": "#009E73", "identity": "#009E73",
}  # fmt: skip


def graph_plot(graph: Graph) -> Html:
    """Return a graph: arcs above the line of its nodes, the longer the higher."""
    step = (WIDTH - 2 * _MARGIN) / max(1, len(graph.nodes) - 1)
    reach = max((target - source for source, target, _ in graph.edges), default=1)
    line = 40 + 30 * reach
    places = [_MARGIN + step * k for k in range(len(graph.nodes))]
    drawn: dict[tuple[int, int], int] = {}
    parts = []
    for source, target, name in graph.edges:
        again = drawn[source, target] = drawn.get((source, target), -1) + 1
        parts.append(_arc(places[source], places[target], line, target - source, again, name))
    for place, name in zip(places, graph.nodes, strict=True):
        parts.append(f'<circle cx="{place:.1f}" cy="{line}" r="{_RADIUS}" class="node"/>')
        parts.append(text(place, line + _RADIUS + 14, name))
    return svg(line + _RADIUS + 22, "".join(parts), graph.title)


def _arc(start: float, end: float, line: float, span: int, again: int, name: str) -> str:
    """Return an arc between two places; a second one between them is drawn higher."""
    height = 12 + 34 * span + 18 * again
    top = line - _RADIUS - height
    path = (
        f"M{start:.1f} {line - _RADIUS}C{start + 10:.1f} {top:.1f} {end - 10:.1f} {top:.1f} "
        f"{end:.1f} {line - _RADIUS}"
    )
    colour = next((c for begin, c in _COLOURS.items() if name.startswith(begin)), "#777777")
    label = text((start + end) / 2, line - _RADIUS - 0.75 * height - 4, name) if name else ""
    return (
        f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.6">'
        f"<title>{escape(name)}</title></path>{label}"
    )
