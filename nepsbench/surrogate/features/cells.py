"""Features of NAS-Bench-201's cells, in every space that has them: what a cell computes.

An edge that holds ``none``, or lies on no path from input to output without one, is dead and is
cut. Of the paths that are left it is told what they hold: how many operations of each kind, in
which order once ``skip_connect`` is contracted, how deep they are and how far they see. Isomorphic
cells have the same paths, so features of paths are the same for all of them.

There are 15,625 cells, so the features of all are made once, in a table.
"""

from __future__ import annotations

from functools import cache, partial
from itertools import product
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nepsbench.spaces.cells import NATS_EDGES, NATS_OPERATIONS
from nepsbench.spaces.parameters import Categorical, FloatArray
from nepsbench.spaces.space import Space
from nepsbench.surrogate.features.block import Block, Features, Keyed, stacked

#: The four paths from node 0 to node 3, as places in the edge order of NAS-Bench-201.
PATHS = ((3,), (0, 4), (1, 5), (0, 2, 5))
_EDGES, _KINDS = len(NATS_EDGES), len(NATS_OPERATIONS)
_NONE, _SKIP, _CONV1, _CONV3, _POOL = range(_KINDS)
_SHORT = ("none", "skip", "conv1", "conv3", "pool")
#: Weights of an operation for each pair of channels.
_WEIGHTS = np.array([0, 0, 1, 9, 0])

Columns: TypeAlias = dict[str, NDArray[Any]]
_Ints: TypeAlias = NDArray[np.int64]


def cell_block(space: Space, edges: tuple[str, ...]) -> Block:
    """Return the features of a space's cells.

    Args:
        space: Any space of such cells.
        edges: Its six parameters that are a cell's edges, in the edge order of NAS-Bench-201, each
            with its operations' NAS-Bench-201 numbers given by :func:`edge_numbers`.
    """
    columns = np.array([space.names.index(name) for name in edges])
    numbers = edge_numbers(space, edges)
    keyed = Keyed(partial(cell_numbers, columns, numbers), lambda: cell_table()[1])
    return Block(cell_table()[0], partial(_look_up, columns, numbers), keyed)


def edge_numbers(space: Space, edges: tuple[str, ...]) -> _Ints:
    """Return what each choice of an edge adds to the cell's number, shape (edges, choices)."""
    from nepsbench.spaces.cells import JAHS_OPERATIONS

    numbers = []
    for place, name in enumerate(edges):
        parameter = space.parameter(name)
        assert isinstance(parameter, Categorical)
        # Numbers are JAHS-Bench-201's: no other space has numbers for operations.
        called = [JAHS_OPERATIONS[c] if isinstance(c, int) else c for c in parameter.choices]
        digits = [NATS_OPERATIONS.index(str(operation)) for operation in called]
        numbers.append([digit * _KINDS ** (_EDGES - 1 - place) for digit in digits])
    return np.array(numbers)


def cell_numbers(columns: _Ints, numbers: _Ints, codes: FloatArray) -> _Ints:
    """Return the place of each configuration's cell in the table."""
    choices = codes.T.take(columns, axis=0).astype(np.intp)
    starts = np.arange(_EDGES)[:, np.newaxis] * numbers.shape[1]
    found: _Ints = numbers.take(choices + starts).sum(axis=0)
    return found


def _look_up(columns: _Ints, numbers: _Ints, codes: FloatArray) -> Features:
    return _by_cell().take(cell_numbers(columns, numbers, codes), axis=0).T


@cache
def _by_cell() -> Features:
    """Return the table with a cell's features side by side: a cell is found at one place."""
    return np.ascontiguousarray(cell_table()[1].T)


@cache
def cell_table() -> tuple[tuple[str, ...], Features]:
    """Return the features of all cells: names, and shape (features, 15625)."""
    operations = np.array(list(product(range(_KINDS), repeat=_EDGES)))
    return stacked(cell_columns(operations))


@cache
def cell_weights() -> FloatArray:
    """Return the weights of each cell for each pair of channels, dead edges counted as well."""
    operations = np.array(list(product(range(_KINDS), repeat=_EDGES)))
    weights: FloatArray = _WEIGHTS[operations].sum(axis=1).astype(np.float64)
    return weights


def cell_columns(operations: _Ints) -> Columns:
    """Return the features of cells by name.

    Args:
        operations: NAS-Bench-201's numbers in its edge order, shape (cells, 6).
    """
    is_open = np.stack([(operations[:, path] != _NONE).all(axis=1) for path in PATHS], axis=1)
    held = np.stack(
        [[(operations[:, path] == kind).sum(axis=1) for path in PATHS] for kind in range(_KINDS)]
    ).transpose(2, 1, 0)  # cells, paths, kinds
    return {
        **_of_edges(operations, is_open),
        **_of_single_paths(held, is_open),
        **_of_all_paths(held, is_open),
        **_sequences(operations, is_open),
    }


def _of_edges(operations: _Ints, is_open: NDArray[np.bool_]) -> Columns:
    """Tell what is alive: each edge, operations in all, weights, sums that nodes make."""
    is_alive = np.zeros(operations.shape, dtype=bool)
    for path, column in zip(PATHS, is_open.T, strict=True):
        is_alive[:, path] |= column[:, np.newaxis]
    alive = np.where(is_alive, operations, _NONE)
    columns: Columns = {}
    for (source, target), edge in zip(NATS_EDGES, alive.T, strict=True):
        for kind in range(1, _KINDS):
            columns[f"edge_{source}_{target}={_SHORT[kind]}"] = edge == kind
    for kind in range(1, _KINDS):
        columns[f"alive_{_SHORT[kind]}"] = (alive == kind).sum(axis=1)
        columns[f"all_{_SHORT[kind]}"] = (operations == kind).sum(axis=1)
    columns["alive_weights"] = _WEIGHTS[alive].sum(axis=1)
    columns["all_weights"] = _WEIGHTS[operations].sum(axis=1)
    for node in range(4):
        columns[f"into_{node}"] = is_alive[:, [t == node for _, t in NATS_EDGES]].sum(axis=1)
        columns[f"out_of_{node}"] = is_alive[:, [s == node for s, _ in NATS_EDGES]].sum(axis=1)
    return columns


def _of_single_paths(held: _Ints, is_open: NDArray[np.bool_]) -> Columns:
    """Tell how many of each operation an open path holds, -1 for one that is not open."""
    columns: Columns = {}
    for place, path in enumerate(PATHS):
        name = "path_" + "".join(str(NATS_EDGES[edge][1]) for edge in path)
        columns[name] = is_open[:, place]
        counts = held[:, place]
        for kind in (_CONV1, _CONV3, _POOL):
            columns[f"{name}_{_SHORT[kind]}"] = np.where(is_open[:, place], counts[:, kind], -1)
        both = counts[:, _CONV1] + counts[:, _CONV3]
        columns[f"{name}_conv"] = np.where(is_open[:, place], both, -1)
    return columns


def _of_all_paths(held: _Ints, is_open: NDArray[np.bool_]) -> Columns:
    """Tell the deepest, the shallowest and the mean path, and how many have what depth."""
    traits = {_SHORT[kind]: held[:, :, kind] for kind in range(1, _KINDS)}
    traits["conv"] = traits["conv1"] + traits["conv3"]
    traits["sight"] = traits["conv3"] + traits["pool"]
    count = is_open.sum(axis=1)
    columns: Columns = {"paths": count}
    for name, values in traits.items():
        total = (values * is_open).sum(axis=1)
        columns[f"{name}_most"] = np.where(is_open, values, -1).max(axis=1)
        columns[f"{name}_least"] = np.where(is_open, values, 9).min(axis=1)
        columns[f"{name}_on_paths"] = total
        columns[f"{name}_mean"] = total / np.maximum(count, 1)
    for name in ("conv", "conv3"):
        for depth in range(4):
            columns[f"paths_of_{depth}_{name}"] = (is_open & (traits[name] == depth)).sum(axis=1)
    idle = is_open & (traits["conv"] == 0)
    columns["residual_paths"] = (idle & (traits["pool"] == 0)).sum(axis=1)
    columns["pooling_paths"] = (idle & (traits["pool"] > 0)).sum(axis=1)
    return columns


def _sequences(operations: _Ints, is_open: NDArray[np.bool_]) -> Columns:
    """Count open paths by the operations on them in order, ``skip_connect`` contracted."""
    names, numbers = [""], [0]
    for length in (1, 2, 3):
        for word in product((_CONV1, _CONV3, _POOL), repeat=length):
            names.append(">".join(_SHORT[kind] for kind in word))
            numbers.append(_number_of(word))
    place = np.full(_KINDS**3, -1)
    place[numbers] = np.arange(len(numbers))
    counts = np.zeros((len(operations), len(names)))
    rows = np.arange(len(operations))
    for path, column in zip(PATHS, is_open.T, strict=True):
        number = np.zeros(len(operations), dtype=np.int64)
        for edge in path:
            kind = operations[:, edge]
            number = np.where(kind > _SKIP, number * _KINDS + kind, number)
        counts[rows[column], place[number[column]]] += 1
    return {f"sequence_{name or 'identity'}": counts[:, k] for k, name in enumerate(names)}


def _number_of(word: tuple[int, ...]) -> int:
    number = 0
    for kind in word:
        number = number * _KINDS + kind
    return number
