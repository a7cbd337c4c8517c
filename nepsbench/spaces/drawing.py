"""Architectures as graphs to be drawn: nodes in the order of computation, edges with names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nepsbench.spaces.parameters import Scalar


@dataclass(frozen=True)
class Graph:
    """A graph whose edges lead from earlier nodes to later ones.

    Attributes:
        title: What it is.
        nodes: A name each.
        edges: Source, target, and the operation between them.
    """

    title: str
    nodes: tuple[str, ...]
    edges: tuple[tuple[int, int, str], ...]


def drawn_spaces() -> tuple[str, ...]:
    """Return the names of the spaces whose architectures are graphs, or that have a skeleton."""
    return (*_DRAWN, "nats_size")


def graphs_of(space: str, configuration: Mapping[str, Scalar]) -> list[Graph]:
    """Return the graphs of an architecture: its cells, and the skeleton around them.

    None of a space whose architectures are no graphs.

    Args:
        space: Name of the space.
        configuration: Of it.
    """
    from nepsbench.spaces.skeletons import skeleton_of

    draw, skeleton = _DRAWN.get(space), skeleton_of(space, configuration)
    cells = [] if draw is None else draw(configuration)
    return cells if skeleton is None else [*cells, skeleton]


def _of_edges(configuration: Mapping[str, Scalar]) -> list[Graph]:
    """Return a cell of NAS-Bench-201, or of NAS-HPO-Bench-II, whose parameters are its edges."""
    edges = tuple(
        (int(name[5]), int(name[7]), str(value))
        for name, value in configuration.items()
        if name.startswith("edge_") and value != "none"
    )
    return [Graph("cell", _CELL_NODES, edges)]


def _nepsbench101(configuration: Mapping[str, Scalar]) -> list[Graph]:
    from nepsbench.spaces.cells import JAHS_EDGES
    from nepsbench.spaces.nepsbench101 import cell_of

    named = zip(JAHS_EDGES, cell_of(configuration), strict=True)
    edges = tuple((*edge, name) for edge, name in named if name != "none")
    return [Graph("cell", _CELL_NODES, edges)]


def _nasbench101(configuration: Mapping[str, Scalar]) -> list[Graph]:
    """Return a graph whose nodes are the operations."""
    from nepsbench.spaces.nasbench101 import to_spec

    matrix, labels = to_spec(configuration)
    edges = tuple(
        (source, target, "")
        for source, row in enumerate(matrix)
        for target, there in enumerate(row)
        if there
    )
    return [Graph("cell", tuple(name.removesuffix("-bn-relu") for name in labels), edges)]


def _darts(configuration: Mapping[str, Scalar]) -> list[Graph]:
    from nepsbench.spaces.darts import CELL_TYPES, pairs_of

    return [_of_pairs(f"{cell} cell", pairs_of(configuration, cell)) for cell in CELL_TYPES]


def _autodeeplab(configuration: Mapping[str, Scalar]) -> list[Graph]:
    from nepsbench.spaces.autodeeplab import levels_of, pairs_of

    names = tuple(f"1/{4 << level}" for level in levels_of(configuration))
    path = tuple((k, k + 1, "cell") for k in range(len(names)))
    return [_of_pairs("cell", pairs_of(configuration)), Graph("path", ("stem", *names), path)]


def _densenas(configuration: Mapping[str, Scalar]) -> list[Graph]:
    from nepsbench.spaces.densenas import IMAGES, chain_of

    chain = chain_of(configuration, IMAGES)
    names = tuple(f"block {number}" for number, _ in chain)
    edges = tuple((k, k + 1, f"1 + {depth}") for k, (_, depth) in enumerate(chain))
    return [Graph("chain", ("stem", *names), edges)]


def _amber(configuration: Mapping[str, Scalar]) -> list[Graph]:
    from nepsbench.spaces.amber import parts_of

    operations, sources = parts_of(configuration)
    edges = [(k, k + 1, name) for k, name in enumerate(operations)]
    edges += [(source + 1, k + 1, "") for k, read in enumerate(sources) for source in read]
    return [Graph("layers", ("in", *map(str, range(len(operations)))), tuple(edges))]


def _of_pairs(title: str, pairs: list[tuple[str, int]]) -> Graph:
    nodes = ("before", "last", *(str(node) for node in range(len(pairs) // 2)))
    edges = tuple((state, 2 + place // 2, name) for place, (name, state) in enumerate(pairs))
    return Graph(title, nodes, edges)


_CELL_NODES = ("in", "1", "2", "out")
_DRAWN = {
    "nepsbench101": _nepsbench101,
    "nasbench101": _nasbench101,
    "nasbench201": _of_edges,
    "nashpobench2": _of_edges,
    "darts": _darts,
    "autodeeplab": _autodeeplab,
    "densenas": _densenas,
    "amber": _amber,
}
