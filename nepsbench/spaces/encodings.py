"""Architectures as rows of numbers, for predictors: one-hot adjacency, and the paths of a cell.

Source: White et al., A Study on Encodings for Neural Architecture Search (NeurIPS 2020), section 3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from nepsbench.errors import SpecError
from nepsbench.spaces import nasbench101
from nepsbench.spaces.architecture import module_of
from nepsbench.spaces.cells import NATS_OPERATIONS, Cell, to_nats
from nepsbench.spaces.nasbench101_graph import MAX_VERTICES, OPERATIONS, Graph
from nepsbench.spaces.parameters import Categorical, FloatArray, Scalar
from nepsbench.spaces.space import Space

_CELL_OPERATIONS = tuple(name for name in NATS_OPERATIONS if name != "none")
_CELL_PATHS = ((3,), (0, 4), (1, 5), (0, 2, 5))  # edges by their place in NATS order


def one_hot_names(space: Space) -> list[str]:
    """Return the columns of :func:`one_hot`: a number, an edge that is or is not, or a choice each.

    Raises:
        SpecError: If the space has no architecture.
    """
    names: list[str] = []
    for parameter in _architecture(space):
        if _is_one_column(space, parameter):
            names.append(parameter.name)
        else:
            names += [f"{parameter.name}={choice}" for choice in parameter.choices]
    return names


def one_hot(space: Space, codes: FloatArray) -> FloatArray:
    """Return the architectures as zeros and ones, fidelities (depth, width) as numbers.

    Training parameters are left out.

    Args:
        space: The space.
        codes: Encoded configurations, shape (rows, parameters).

    Returns:
        Shape (rows, columns), columns as :func:`one_hot_names` says; none where every
        architecture is the same.

    Raises:
        SpecError: If the space has no architecture.
    """
    parts = [np.zeros((len(codes), 0))]
    for parameter in _architecture(space):
        column = codes[:, [space.names.index(parameter.name)]]
        if parameter.name in space.fidelities:
            column = np.array(parameter.choices, dtype=np.float64)[column.astype(np.int64)]
        elif not _is_one_column(space, parameter):
            column = column == np.arange(len(parameter.choices))
        parts.append(column)
    return np.hstack(parts).astype(np.float64)


def _is_one_column(space: Space, parameter: Categorical) -> bool:
    return parameter.name in space.fidelities or len(parameter.choices) == 2


def _architecture(space: Space) -> list[Categorical]:
    names = module_of(space).ARCHITECTURE
    return [p for p in space.parameters if p.name in names and isinstance(p, Categorical)]


def path_names(space: Space) -> list[str]:
    """Return the columns of :func:`path_encoding`: operations from input to output, short first.

    Raises:
        SpecError: If the space's architectures are no cells.
    """
    operations, lengths = _path_kinds(space)
    names: list[str] = []
    words = [""]
    for length in range(max(lengths) + 1):
        if length in lengths:
            names += [word or "input-output" for word in words]
        words = [f"{word}>{name}" if word else name for word in words for name in operations]
    return names


def path_encoding(space: Space, codes: FloatArray) -> FloatArray:
    """Return which paths each cell has, as zeros and ones.

    A path is the operations between input and output in order; one through ``none`` is none. Cells
    of NAS-Bench-101 have 364 possible paths, those of NAS-Bench-201, in every space, 84.

    Args:
        space: The space.
        codes: Encoded configurations, shape (rows, parameters).

    Raises:
        SpecError: If the space's architectures are no cells.
    """
    operations, lengths = _path_kinds(space)
    starts, columns = {}, 0
    for length in lengths:
        starts[length] = columns
        columns += len(operations) ** length
    encoded = np.zeros((len(codes), columns))
    for row, values in enumerate(codes):
        for path in _paths(space, space.decode(values.tolist())):
            place = 0
            for name in path:
                place = place * len(operations) + operations.index(name)
            encoded[row, starts[len(path)] + place] = 1.0
    return encoded


def _path_kinds(space: Space) -> tuple[Sequence[str], Sequence[int]]:
    """Return the operations on paths, and how many there can be on one."""
    if space.name == "nasbench101":
        return OPERATIONS, range(MAX_VERTICES - 1)
    if hasattr(module_of(space), "cell_of"):
        return _CELL_OPERATIONS, range(1, 4)
    raise SpecError(f"the architectures of space {space.name} are no cells, so they have no paths")


def _paths(space: Space, configuration: Mapping[str, Scalar]) -> Iterator[tuple[str, ...]]:
    if space.name == "nasbench101":
        yield from _graph_paths(nasbench101.graph_of(configuration))
    else:
        yield from _cell_paths(module_of(space).cell_of(configuration))


def _graph_paths(graph: Graph) -> Iterator[tuple[str, ...]]:
    last = graph.vertices - 1
    open_paths: list[tuple[int, tuple[str, ...]]] = [(0, ())]
    while open_paths:
        vertex, path = open_paths.pop()
        for source, target in graph.edges:
            if source == vertex and target == last:
                yield path
            elif source == vertex:
                open_paths.append((target, (*path, graph.operations[target - 1])))


def _cell_paths(cell: Cell) -> Iterator[tuple[str, ...]]:
    operations = to_nats(cell)
    for edges in _CELL_PATHS:
        path = tuple(operations[edge] for edge in edges)
        if "none" not in path:
            yield path
