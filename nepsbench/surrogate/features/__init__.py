"""What a surrogate's trees see of a configuration: one map for fitting and for serving.

Pure numpy; every space has one, a space that a file describes by its parameters alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nepsbench.spaces import Space
from nepsbench.spaces.parameters import FloatArray
from nepsbench.surrogate.features.block import Block, Features
from nepsbench.surrogate.features.choices import one_hot_blocks, parameter_blocks

__all__ = ["FEATURES_VERSION", "FeatureMap", "Features", "feature_map"]

#: Raised with every change of any space's features; a surrogate of another version is refused.
FEATURES_VERSION = 2

#: Spaces of NAS-Bench-201's cells: the parameters of the edges 01, 02, 12, 03, 13, 23.
_CELL_EDGES = {
    "nepsbench101": ("Op1", "Op2", "Op4", "Op3", "Op5", "Op6"),
    **dict.fromkeys(
        ("nasbench201", "nashpobench2"),
        ("edge_0_1", "edge_0_2", "edge_1_2", "edge_0_3", "edge_1_3", "edge_2_3"),
    ),
}


@dataclass(frozen=True)
class FeatureMap:
    """Blocks of features, and the epoch as the last feature."""

    blocks: tuple[Block, ...]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The name of each feature; the last is ``epoch``."""
        return (*(name for block in self.blocks for name in block.names), "epoch")

    def features(self, codes: FloatArray, epochs: FloatArray) -> Features:
        """Return the features, shape (rows, features), a feature's values side by side in memory.

        Args:
            codes: Encoded configurations, shape (rows, parameters).
            epochs: The epoch of each row, from 1.
        """
        found = np.empty((len(self.names), len(codes)), dtype=np.float32)
        start = 0
        for block in self.blocks:
            end = start + len(block.names)
            found[start:end] = block.values(codes)
            start = end
        found[-1] = epochs
        return found.T


def feature_map(space: Space) -> FeatureMap:
    """Return the features of a space."""
    return FeatureMap(tuple(_blocks(space)))


def plain_map(space: Space) -> FeatureMap:
    """Return features that know nothing of what a configuration computes, as a baseline."""
    return FeatureMap(tuple(one_hot_blocks(space)))


def _blocks(space: Space) -> list[Block]:
    if space.name in _CELL_EDGES:
        return _cell_space(space, _CELL_EDGES[space.name])
    if space.name == "nasbench101":
        from nepsbench.surrogate.features.graphs import graph_blocks

        return graph_blocks(space)
    blocks = parameter_blocks(space)
    if space.name == "nats_size" or space.name.startswith("nds_"):
        blocks.append(_widths(space))
    return blocks


def _cell_space(space: Space, edges: tuple[str, ...]) -> list[Block]:
    from nepsbench.surrogate.features.cells import cell_block

    blocks = [*parameter_blocks(space, without=edges), cell_block(space, edges)]
    if space.name == "nepsbench101":
        from nepsbench.surrogate.features.joint import cost_block

        blocks.append(cost_block(edges))
    return blocks


def _widths(space: Space) -> Block:
    from nepsbench.surrogate.features import widths

    if space.name == "nats_size":
        return widths.size_block()
    return (widths.nds_cell_block if "drop_prob" in space.names else widths.stage_block)(space)
