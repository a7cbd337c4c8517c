"""Costs of ``nepsbench101``'s networks: a cell's weights, times what a network makes of them."""

from __future__ import annotations

from functools import cache, partial
from itertools import product

import numpy as np
from numpy.typing import NDArray

from nepsbench.spaces.nepsbench101 import OPERATIONS, SPACE
from nepsbench.spaces.nepsbench101_cost import flops
from nepsbench.spaces.parameters import Categorical, FloatArray
from nepsbench.surrogate.features.block import Block, Features, Keyed
from nepsbench.surrogate.features.cells import cell_numbers, cell_weights, edge_numbers

_FIDELITIES = tuple(SPACE.names.index(name) for name in SPACE.fidelities)
_CHOICES = tuple(
    len(p.choices)
    for p in SPACE.parameters
    if isinstance(p, Categorical) and p.name in SPACE.fidelities
)


def cost_block(edges: tuple[str, ...]) -> Block:
    """Return the FLOPs and the weights of a network, as logarithms.

    Args:
        edges: The cell's parameters in the edge order of NAS-Bench-201.
    """
    columns = np.array([SPACE.names.index(name) for name in edges])
    keys = partial(_keys, columns, edge_numbers(SPACE, edges))

    def costs(codes: FloatArray) -> Features:
        found: Features = _cost_table().take(keys(codes), axis=1)
        return found

    return Block(("log_flops", "log_params"), costs, Keyed(keys, _cost_table))


def _keys(
    columns: NDArray[np.int64], numbers: NDArray[np.int64], codes: FloatArray
) -> NDArray[np.intp]:
    """Return a number for each row's fidelities and the weights of its cell."""
    place = codes[:, _FIDELITIES[0]]
    for column, count in zip(_FIDELITIES[1:], _CHOICES[1:], strict=True):
        place = place * count + codes[:, column]
    weights = cell_weights().take(cell_numbers(columns, numbers, codes))
    return (place * _most_weights() + weights).astype(np.intp)


@cache
def _cost_table() -> Features:
    """Return the features of all keys, shape (2, keys)."""
    fixed, each = _lines()
    weights = np.arange(_most_weights())
    costs = fixed[..., np.newaxis] + each[..., np.newaxis] * weights
    return np.log10(costs).astype(np.float32).reshape(len(costs), -1)


@cache
def _most_weights() -> int:
    """Return one more than the most weights of a cell."""
    return int(cell_weights().max()) + 1


@cache
def _lines() -> tuple[FloatArray, FloatArray]:
    """Return FLOPs and weights without a cell, and for each weight of one.

    Both are linear in the cell's weights. Shape (2, fidelities), the last fidelity fastest.
    """
    grid = np.array(list(product(*map(range, _CHOICES))), dtype=np.float64)
    codes = np.tile(np.array(SPACE.encode(SPACE.defaults)), (len(grid), 1))
    codes[:, _FIDELITIES] = grid
    empty, one = (codes.copy() for _ in range(2))
    operations = [SPACE.names.index(name) for name in OPERATIONS]
    empty[:, operations] = one[:, operations] = _NONE
    one[:, operations[0]] = _CONV1
    costs = [
        np.stack([flops(each), flops(_one_place(each), image_size=1)]) for each in (empty, one)
    ]
    return costs[0], costs[1] - costs[0]


def _one_place(codes: FloatArray) -> FloatArray:
    """Return the codes at full resolution: of an image of one place, products are weights."""
    whole = codes.copy()
    whole[:, SPACE.names.index("Resolution")] = 2.0
    return whole


#: JAHS-Bench-201's numbers of ``none`` and of the 1x1 convolution, which has one weight.
_NONE, _CONV1 = 1.0, 3.0
