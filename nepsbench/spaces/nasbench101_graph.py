"""Graphs of NAS-Bench-101: cells with operations on vertices; pruning, hash and canonical form.

A graph has an upper triangular matrix and a label for each vertex, ``input`` first and ``output``
last. Source: Ying et al., NAS-Bench-101 (ICML 2019), section 2; google-research/nasbench.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from hashlib import md5
from itertools import combinations, permutations
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from nepsbench.errors import InvalidConfigurationError

INPUT, OUTPUT = "input", "output"
#: Operations by NAS-Bench-101's number.
OPERATIONS = ("conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3")
MAX_VERTICES = 7
MAX_EDGES = 9

_LABELS = {INPUT: -1, OUTPUT: -2} | {name: k for k, name in enumerate(OPERATIONS)}


class Graph(NamedTuple):
    """A labelled graph, its vertices in topological order.

    Attributes:
        vertices: How many, input and output included.
        edges: Pairs (source, target) with source < target, ascending.
        operations: The inner vertices' operations, ``vertices - 2`` of them.
    """

    vertices: int
    edges: tuple[tuple[int, int], ...]
    operations: tuple[str, ...]

    @property
    def matrix(self) -> list[list[int]]:
        """The adjacency matrix, rows are sources."""
        present = set(self.edges)
        span = range(self.vertices)
        return [[int((i, j) in present) for j in span] for i in span]

    @property
    def labels(self) -> list[str]:
        """The operations between ``input`` and ``output``."""
        return [INPUT, *self.operations, OUTPUT]


def graph_of(matrix: ArrayLike, labels: Sequence[str]) -> Graph:
    """Return the graph of a matrix and its labels, as they are.

    Raises:
        InvalidConfigurationError: If the matrix is no upper triangular matrix of zeros and ones, or
            the labels do not fit it.
    """
    try:
        array = np.asarray(matrix)
    except ValueError:  # rows of different length
        array = np.empty(0)
    size = len(labels)
    if array.shape != (size, size) or size < 2:
        raise InvalidConfigurationError(
            f"a matrix of shape {array.shape} and {size} operations make no cell; give a square "
            "matrix and one operation a vertex, input and output included"
        )
    if not np.isin(array, (0, 1)).all() or np.tril(array).any():
        raise InvalidConfigurationError(
            "the matrix of a cell is upper triangular, of zeros and ones: edges lead from earlier "
            "vertices to later ones"
        )
    if labels[0] != INPUT or labels[-1] != OUTPUT:
        raise InvalidConfigurationError(
            f"the first operation is {INPUT!r} and the last {OUTPUT!r}, "
            f"not {labels[0]!r} and {labels[-1]!r}"
        )
    for label in labels[1:-1]:
        if label not in OPERATIONS:
            raise InvalidConfigurationError(
                f"unknown operation {label!r}; choose one of {', '.join(OPERATIONS)}"
            )
    edges = tuple((int(i), int(j)) for i, j in np.argwhere(array))
    return Graph(size, edges, tuple(map(str, labels[1:-1])))


def prune(graph: Graph) -> Graph:
    """Return the graph without the vertices that lie on no path from input to output.

    Raises:
        InvalidConfigurationError: If there is no such path.
    """
    last = graph.vertices - 1
    fed, read = {0}, {last}
    for source, target in graph.edges:  # ascending, so that sources come before their targets
        if source in fed:
            fed.add(target)
    for source, target in sorted(graph.edges, key=lambda edge: -edge[1]):
        if target in read:
            read.add(source)
    kept = sorted(fed & read)
    if 0 not in kept or last not in kept:
        raise InvalidConfigurationError("no path leads from the cell's input to its output")
    place = {vertex: k for k, vertex in enumerate(kept)}
    edges = tuple((place[i], place[j]) for i, j in graph.edges if i in place and j in place)
    return Graph(len(kept), edges, tuple(graph.operations[vertex - 1] for vertex in kept[1:-1]))


def valid(graph: Graph) -> Graph:
    """Return the pruned graph if it is a cell of NAS-Bench-101.

    Raises:
        InvalidConfigurationError: If input and output are not connected, or what connects them has
            more than 7 vertices or 9 edges.
    """
    pruned = prune(graph)
    for what, count, most in (
        ("vertices", pruned.vertices, MAX_VERTICES),
        ("edges", len(pruned.edges), MAX_EDGES),
    ):
        if count > most:
            raise InvalidConfigurationError(
                f"the cell has {count} {what} between input and output; NAS-Bench-101's have at "
                f"most {most}"
            )
    return pruned


def graph_hash(graph: Graph) -> str:
    """Return NAS-Bench-101's hash of a pruned graph: 32 hex digits, equal for isomorphic graphs.

    Each vertex starts with the MD5 of its degrees and its label, and takes in its neighbours' as
    often as there are vertices.
    """
    span = range(graph.vertices)
    sources: list[list[int]] = [[] for _ in span]
    targets: list[list[int]] = [[] for _ in span]
    for source, target in graph.edges:
        sources[target].append(source)
        targets[source].append(target)
    digests = [
        start_digest(len(targets[vertex]), len(sources[vertex]), label)
        for vertex, label in enumerate(graph.labels)
    ]
    for _ in span:
        digests = [
            _md5(
                "".join(sorted([digests[other] for other in sources[vertex]]))
                + "|"
                + "".join(sorted([digests[other] for other in targets[vertex]]))
                + "|"
                + digests[vertex]
            )
            for vertex in span
        ]
    return _md5(str(sorted(digests)))


@cache
def start_digest(out_degree: int, in_degree: int, label: str) -> str:
    """Return the MD5 that a vertex of :func:`graph_hash` starts with."""
    return _md5(str((out_degree, in_degree, _LABELS[label])))


def _md5(text: str) -> str:
    return md5(text.encode(), usedforsecurity=False).hexdigest()


@lru_cache(maxsize=4096)
def canonical(graph: Graph) -> Graph:
    """Return the one graph that stands for all that are isomorphic to this pruned one.

    It is the published one: of all topological orders of the vertices, that with the lowest
    :func:`bit number <bit>`, and of several such, with the first operations by number. The order
    matters beyond the name: where channels do not divide evenly, earlier vertices get more.
    """
    inner = range(1, graph.vertices - 1)
    best: tuple[tuple[int, list[int]], Graph] | None = None
    for order in permutations(inner):
        place = (0, *(1 + order.index(vertex) for vertex in inner), graph.vertices - 1)
        edges = [(place[i], place[j]) for i, j in graph.edges]
        if any(i > j for i, j in edges):
            continue
        operations = tuple(graph.operations[vertex - 1] for vertex in order)
        number = sum(1 << bit(*edge) for edge in edges)
        key = (number, [OPERATIONS.index(name) for name in operations])
        if best is None or key < best[0]:
            best = (key, Graph(graph.vertices, tuple(sorted(edges)), operations))
    assert best is not None, "a graph has a topological order"
    return best[1]


def bit(source: int, target: int) -> int:
    """Return the place of an edge's bit in NAS-Bench-101's number of a matrix: column by column."""
    return source + target * (target - 1) // 2


def all_edges(vertices: int = MAX_VERTICES) -> tuple[tuple[int, int], ...]:
    """Return the pairs of a matrix's upper triangle, row by row."""
    return tuple(combinations(range(vertices), 2))
