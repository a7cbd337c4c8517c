"""All metrics' trees together, for one configuration: at one epoch, or at all of them.

The sum of trees over epochs is a staircase: a tree changes its leaf where the epoch passes one of
its borders, and nowhere else. So a whole curve costs little more than one of its points: the first
epoch's leaves, and the differences at the borders, added up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from nepsbench.spaces.parameters import FloatArray
from nepsbench.surrogate.features.block import Features
from nepsbench.surrogate.trees import Trees

_Ints: TypeAlias = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Forest:
    """The trees of several models over the same features.

    Attributes:
        models: Trees by name; the order is that of the answers.
        epoch: The place of the feature ``epoch``.
    """

    models: Mapping[str, Trees]
    epoch: int

    @cached_property
    def _depth(self) -> int:
        return max(trees.depth for trees in self.models.values())

    @cached_property
    def _levels(self) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return feature and border of every level of every tree, shape (depth, trees)."""
        feature, border = [], []
        for trees in self.models.values():
            missing = self._depth - trees.depth
            feature.append(np.pad(trees.feature, ((0, 0), (0, missing))))
            # What is above infinity is nothing: the tree's first leaves are all it has.
            border.append(np.pad(trees.border, ((0, 0), (0, missing)), constant_values=np.inf))
        return np.vstack(feature).T.copy(), np.vstack(border).T.copy()

    @cached_property
    def _splits(self) -> tuple[_Ints, Features, _Ints]:
        """Return feature and border of the distinct splits, and where a level's bit is found."""
        feature, border = self._levels
        keys = np.empty(feature.size, dtype=[("feature", "<i4"), ("border", "<f4")])
        keys["feature"], keys["border"] = feature.ravel(), border.ravel()
        distinct, which = np.unique(keys, return_inverse=True)
        levels = np.arange(self._depth)[:, np.newaxis]
        bits = which.reshape(feature.shape) + levels * len(distinct)
        return distinct["feature"].astype(np.intp), distinct["border"].copy(), bits

    @cached_property
    def _leaves(self) -> tuple[FloatArray, _Ints]:
        """Return the leaves of all trees in one row, and where each tree's begin."""
        leaves = np.concatenate([trees.leaf.ravel() for trees in self.models.values()])
        counts = [t.leaf.shape[1] for t in self.models.values() for _ in range(len(t.leaf))]
        return leaves, np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.intp)

    @cached_property
    def _starts(self) -> _Ints:
        """Return where each model's trees begin."""
        counts = [len(trees.leaf) for trees in self.models.values()]
        return np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.intp)

    @cached_property
    def _bias(self) -> FloatArray:
        return np.array([trees.bias for trees in self.models.values()])

    def at(self, features: Features) -> FloatArray:
        """Return the prediction of each model, shape (models,), given features of one row."""
        leaves, _ = self._leaves
        return np.add.reduceat(leaves.take(self._places(features)), self._starts) + self._bias

    def curves(self, features: Features, last: int) -> FloatArray:
        """Return the predictions at epochs 1 to ``last``, shape (models, last).

        Args:
            features: Of one row; what it says of the epoch is not looked at.
            last: The last epoch.
        """
        row = features.copy()
        row[self.epoch] = -np.inf  # below every border
        leaves, _ = self._leaves
        places = self._places(row)
        changes = np.zeros((len(self.models), last + 1))
        changes[:, 0] = np.add.reduceat(leaves.take(places), self._starts) + self._bias
        tree, before, after, model, when = self._steps
        base = places.take(tree)
        steps = leaves.take(base + after) - leaves.take(base + before)
        reached = np.minimum(when, last + 1)
        width = last + 2
        added = np.bincount(
            model * width + reached, weights=steps, minlength=changes.shape[0] * width
        )
        changes += added.reshape(-1, width)[:, : last + 1]
        return np.cumsum(changes, axis=1)[:, 1:]

    @cached_property
    def _steps(self) -> tuple[_Ints, _Ints, _Ints, _Ints, _Ints]:
        """Return where trees change leaves: tree, bits before and after, model, first epoch."""
        feature, border = self._levels
        owner = np.repeat(np.arange(len(self.models)), [len(t.leaf) for t in self.models.values()])
        steps: list[tuple[int, int, int, int, int]] = []
        asks = (feature == self.epoch) & np.isfinite(border)
        for tree in np.flatnonzero(asks.any(axis=0)).tolist():
            levels = np.flatnonzero(asks[:, tree])
            before = 0
            for edge in np.unique(border[levels, tree]).tolist():
                after = sum(1 << int(level) for level in levels if border[level, tree] <= edge)
                # Above the border, so from the next whole number on.
                first = max(int(np.floor(edge)) + 1, 0)
                steps.append((tree, before, after, int(owner[tree]), first))
                before = after
        columns = np.array(steps, dtype=np.intp).reshape(-1, 5).T
        return columns[0], columns[1], columns[2], columns[3], columns[4]

    def _places(self, features: Features) -> _Ints:
        """Return the place of each tree's leaf among all leaves."""
        feature, border, bits = self._splits
        above = (features.take(feature) > border).view(np.uint8)
        weighted = (above << self._powers).ravel()
        number: NDArray[np.uint8] = np.bitwise_or.reduce(weighted.take(bits), axis=0)
        places: _Ints = self._leaves[1] + number
        return places

    @cached_property
    def _powers(self) -> NDArray[np.uint8]:
        return np.arange(self._depth, dtype=np.uint8)[:, np.newaxis]
