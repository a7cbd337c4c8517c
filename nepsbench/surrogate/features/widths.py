"""Features of networks that are told by widths and depths: NATS-Bench's size space, and NDS."""

from __future__ import annotations

from functools import partial

import numpy as np

from nepsbench.spaces import nds
from nepsbench.spaces.nats_size import CHANNELS
from nepsbench.spaces.parameters import Categorical, FloatArray
from nepsbench.spaces.space import Space
from nepsbench.surrogate.features.block import Block, Features

#: Weights of NATS-Bench's one cell for each pair of channels: four 3x3 convolutions on its edges
#: from later nodes or to them, and, from the layer's input, two of them, the same for a shortcut.
_FROM_INPUT, _INSIDE = 9 + 9 + 1, 9 * 3
_REDUCTION_IN, _REDUCTION_INSIDE = 9 + 1, 9
_OPERATIONS = (*nds.OPERATIONS, nds.ABSENT)


def size_block() -> Block:
    """Return weights and products of the size space's networks, and how widths follow."""
    names = ("log_weights", "log_products", "narrowest", "widest", "mean_width")
    steps = tuple(f"step_{layer}" for layer in range(1, 5))
    return Block((*names, *steps), _sizes)


def _sizes(codes: FloatArray) -> Features:
    widths = np.array(CHANNELS, dtype=np.float64)[codes.astype(np.intp)].T
    before = np.vstack([widths[:1], widths[:-1]])
    is_cell = np.array([1, 0, 1, 0, 1])[:, np.newaxis]
    from_input = np.where(is_cell, _FROM_INPUT, _REDUCTION_IN)
    inside = np.where(is_cell, _INSIDE, _REDUCTION_INSIDE)
    weights = widths * (from_input * before + inside * widths)
    places = np.array([1.0, 1 / 4, 1 / 4, 1 / 16, 1 / 16])[:, np.newaxis]
    return np.vstack(
        [
            np.log10(weights.sum(axis=0)),
            np.log10((weights * places).sum(axis=0)),
            widths.min(axis=0),
            widths.max(axis=0),
            widths.mean(axis=0),
            np.log2(widths[1:] / widths[:-1]),
        ]
    ).astype(np.float32)


def stage_block(space: Space) -> Block:
    """Return depth and weights of NDS's networks of stages, in all and by stage."""
    names = ("depth", "log_weights", "log_products", "stages")
    stages = tuple(f"log_weights_{stage}" for stage in range(1, nds.STAGES + 1))
    return Block((*names, *stages), partial(_stages, space))


def _stages(space: Space, codes: FloatArray) -> Features:
    before = _chosen(space, "width_0", codes)
    shrunk = _chosen(space, "stride_0", codes)
    weights, products, depths = [], [], []
    for stage in range(1, nds.STAGES + 1):
        depth, width = (_chosen(space, f"{what}_{stage}", codes) for what in ("depth", "width"))
        shrunk = shrunk * np.maximum(_chosen(space, f"stride_{stage}", codes), 1)
        each = _block_weights(space, stage, codes, width)
        first = _block_weights(space, stage, codes, np.sqrt(np.maximum(before * width, 0)))
        weights.append(np.where(depth > 0, first + each * (depth - 1), 0))
        products.append(weights[-1] / shrunk**2)
        depths.append(depth)
        before = np.where(depth > 0, width, before)
    logs = [np.log10(1 + each) for each in weights]
    totals = [np.log10(1 + np.sum(weights, axis=0)), np.log10(1 + np.sum(products, axis=0))]
    there = np.sum(np.array(depths) > 0, axis=0)
    return np.vstack([np.sum(depths, axis=0), *totals, there, *logs]).astype(np.float32)


def _block_weights(space: Space, stage: int, codes: FloatArray, width: FloatArray) -> FloatArray:
    """Return the weights of one block that has this width going in and out."""
    if f"bot_mul_{stage}" not in space.names:
        return 2 * 9 * width**2
    inner = width * _chosen(space, f"bot_mul_{stage}", codes)
    groups = np.maximum(_chosen(space, f"num_gs_{stage}", codes), 1)
    return 2 * width * inner + 9 * inner**2 / groups


def nds_cell_block(space: Space) -> Block:
    """Return how often NDS's cells hold each operation, their nodes, and what they concatenate."""
    names = tuple(
        f"{cell}_{what}"
        for cell in nds.CELL_TYPES
        for what in (*(f"count_{name}" for name in _OPERATIONS), "concatenated", "from_inputs")
    )
    return Block((*names, "log_size"), partial(_nds_cells, space))


def _nds_cells(space: Space, codes: FloatArray) -> Features:
    rows = []
    for cell in nds.CELL_TYPES:
        operations, inputs = (_of_nodes(space, cell, what, codes) for what in ("op", "input"))
        rows += [(operations == kind).sum(axis=1) for kind in range(len(_OPERATIONS))]
        concat = space.parameter(f"{cell}_concat")
        assert isinstance(concat, Categorical)
        lengths = np.array([str(choice).count(",") + 1 for choice in concat.choices])
        rows.append(lengths[codes[:, space.names.index(concat.name)].astype(np.intp)])
        rows.append(((inputs < 2) & (operations < len(nds.OPERATIONS))).sum(axis=1))
    depth, width = (_chosen(space, name, codes) for name in ("depth", "width"))
    return np.vstack([*rows, np.log10(depth * width**2)]).astype(np.float32)


def _of_nodes(space: Space, cell: str, what: str, codes: FloatArray) -> FloatArray:
    names = [f"{cell}_{node}_{what}_{side}" for node in range(nds.NODES) for side in "xy"]
    return codes[:, [space.names.index(name) for name in names]]


def _chosen(space: Space, name: str, codes: FloatArray) -> FloatArray:
    parameter = space.parameter(name)
    assert isinstance(parameter, Categorical)
    choices = np.array(parameter.choices, dtype=np.float64)
    return choices[codes[:, space.names.index(name)].astype(np.intp)]
