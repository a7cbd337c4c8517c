"""Features of NAS-Bench-101's cells: how many paths there are, how deep, and what they hold.

Stored cells are canonical: no vertex is dead, and isomorphic cells are one.
"""

from __future__ import annotations

from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nepsbench.spaces.nasbench101 import EDGES, VERTICES
from nepsbench.spaces.nasbench101_graph import MAX_VERTICES, all_edges
from nepsbench.spaces.parameters import FloatArray
from nepsbench.spaces.space import Space
from nepsbench.surrogate.features.block import Block, Features, stacked

_LAST = MAX_VERTICES - 1
_CONV3, _CONV1, _POOL, _ABSENT = range(4)
_SHORT = ("conv3", "conv1", "pool")
_PAIRS = np.array(all_edges())
_STACKS = (128, 256, 512)
_CELLS = 3

Columns: TypeAlias = dict[str, NDArray[Any]]
_Ints: TypeAlias = NDArray[np.int64]


def graph_blocks(space: Space) -> list[Block]:
    """Return the features of NAS-Bench-101's cells."""
    names, _ = stacked(graph_columns(np.array([space.encode(space.defaults)])))
    return [Block(names, partial(_values))]


def _values(codes: FloatArray) -> Features:
    return stacked(graph_columns(codes))[1]


def graph_columns(codes: FloatArray) -> Columns:
    """Return the features of encoded canonical cells by name; codes have shape (rows, 26)."""
    rows = len(codes)
    edges = np.zeros((rows, MAX_VERTICES, MAX_VERTICES), dtype=np.int64)
    edges[:, _PAIRS[:, 0], _PAIRS[:, 1]] = codes[:, : len(EDGES)]
    operations = np.full((rows, MAX_VERTICES), _ABSENT)
    operations[:, 1:_LAST] = codes[:, len(EDGES) :]
    columns: Columns = dict(zip(EDGES, codes[:, : len(EDGES)].T, strict=True))
    for place, name in enumerate(VERTICES, start=1):
        for kind, short in enumerate(_SHORT):
            columns[f"{name}={short}"] = operations[:, place] == kind
    for kind, short in enumerate(_SHORT):
        at = operations == kind
        columns[f"count_{short}"] = at.sum(axis=1)
        columns[f"first_{short}"] = (at & (edges[:, 0] == 1)).sum(axis=1)
        columns[f"last_{short}"] = (at & (edges[:, :, _LAST] == 1)).sum(axis=1)
    columns["vertices"] = (operations != _ABSENT).sum(axis=1)
    columns["edges"] = edges.sum(axis=(1, 2))
    columns["into_output"] = edges[:, :, _LAST].sum(axis=1)
    columns["out_of_input"] = edges[:, 0].sum(axis=1)
    return {**columns, **_of_paths(edges, operations), **_costs(edges, operations)}


def _of_paths(edges: _Ints, operations: _Ints) -> Columns:
    """Count the paths from input to output by what they hold; tell their lengths."""
    columns: Columns = {}
    kinds = {short: operations == kind for kind, short in enumerate(_SHORT)}
    kinds["vertex"] = operations != _ABSENT
    kinds["conv"] = kinds["conv3"] | kinds["conv1"]
    for name, counts in kinds.items():
        paths = _paths_by_count(edges, counts)
        total = np.maximum(paths.sum(axis=1), 1)
        steps = np.arange(paths.shape[1])
        there = paths > 0
        columns[f"{name}_most"] = np.where(there, steps, -1).max(axis=1)
        columns[f"{name}_least"] = np.where(there, steps, MAX_VERTICES).min(axis=1)
        columns[f"{name}_mean"] = paths @ steps / total
        for count in range(paths.shape[1]):
            columns[f"paths_of_{count}_{name}"] = paths[:, count]
    columns["paths"] = total
    return columns


def _paths_by_count(edges: _Ints, counts: NDArray[np.bool_]) -> _Ints:
    """Return how many paths hold 0 to 5 of the vertices where ``counts`` is true."""
    rows = len(edges)
    reached = np.zeros((rows, MAX_VERTICES, MAX_VERTICES - 1), dtype=np.int64)
    reached[:, 0, 0] = 1
    for target in range(1, MAX_VERTICES):
        arriving = np.einsum("rs,rsc->rc", edges[:, :target, target], reached[:, :target])
        one_more = np.roll(arriving, 1, axis=1)  # the last is 0: no path has six such vertices
        reached[:, target] = np.where(counts[:, [target]], one_more, arriving)
    return reached[:, _LAST]


def _costs(edges: _Ints, operations: _Ints) -> Columns:
    """Count the weights of convolutions over the network's cells, and their products."""
    weights = products = np.zeros(len(edges))
    before = _STACKS[0]
    for stack, width in enumerate(_STACKS):
        for _ in range(_CELLS):
            each = _cell_weights(edges, operations, before, width)
            weights, products = weights + each, products + each / 4.0**stack
            before = width
    return {"log_weights": np.log10(1 + weights), "log_products": np.log10(1 + products)}


def _cell_weights(edges: _Ints, operations: _Ints, c_in: int, c_out: int) -> FloatArray:
    """Return the weights of one cell; see ``nasbench101.vertex_channels`` in the networks."""
    channels = _channels(edges, c_out)
    kernels = np.where(operations == _CONV3, 9, operations == _CONV1)
    inside = (kernels * channels**2)[:, 1:_LAST].sum(axis=1)
    projected = (edges[:, 0, 1:] * c_in * channels[:, 1:]).sum(axis=1)
    return np.asarray(inside + projected, dtype=np.float64)


def _channels(edges: _Ints, c_out: int) -> _Ints:
    shared = edges[:, 1:_LAST, _LAST]
    count = np.maximum(shared.sum(axis=1, keepdims=True), 1)
    first = np.cumsum(shared, axis=1) <= c_out % count
    channels = np.zeros(edges.shape[:2], dtype=np.int64)
    channels[:, _LAST] = c_out
    channels[:, 1:_LAST] = shared * (c_out // count + first)
    for vertex in reversed(range(1, _LAST)):
        widest = (edges[:, vertex, :_LAST] * channels[:, :_LAST]).max(axis=1)
        channels[:, vertex] = np.where(shared[:, vertex - 1], channels[:, vertex], widest)
    return channels
