"""CatBoost's oblivious trees in numpy: all splits on a level of a tree are the same.

So a tree of depth d is d comparisons, whose results are the bits of a leaf's number. Each distinct
comparison of all trees is made once. For many rows, trees that ask much the same are joined into
one whose leaves hold their sums, as long as it has few splits: then a row asks for fewer leaves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from nepsbench.errors import NepsbenchError
from nepsbench.spaces.parameters import FloatArray
from nepsbench.surrogate.features.block import Features

#: Splits of a joined tree, so that a leaf's number is a byte.
_JOINED_SPLITS = 8
#: Rows that are answered at a time, so that what is made for them stays in a core's cache.
_CHUNK = 4096

_Ints: TypeAlias = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Trees:
    """The trees of one model, all of one depth.

    Attributes:
        feature: The feature that each level asks, shape (trees, depth).
        border: A row goes on the upper side where the feature is above it, shape (trees, depth).
        leaf: Values of leaves, shape (trees, 2**depth); level k is bit k of a leaf's number.
        bias: Added to the sum of all trees.
    """

    feature: NDArray[np.int32]
    border: NDArray[np.float32]
    leaf: FloatArray
    bias: float

    @property
    def depth(self) -> int:
        """Comparisons of one tree."""
        return int(self.feature.shape[1])

    @cached_property
    def _splits(self) -> tuple[_Ints, Features, _Ints]:
        """Return feature and border of each distinct split, and the split of each level."""
        keys = np.empty(self.feature.size, dtype=[("feature", "<i4"), ("border", "<f4")])
        keys["feature"], keys["border"] = self.feature.ravel(), self.border.ravel()
        distinct, which = np.unique(keys, return_inverse=True)
        places = which.reshape(self.feature.shape).astype(np.intp)
        return distinct["feature"].astype(np.intp), distinct["border"].copy(), places

    @cached_property
    def _runs(self) -> list[tuple[int, int, int]]:
        """Return each feature that is asked, and where its splits begin and end."""
        features, first = np.unique(self._splits[0], return_index=True)
        ends = [*first[1:].tolist(), len(self._splits[0])]
        return list(zip(features.tolist(), first.tolist(), ends, strict=True))

    @property
    def split_feature(self) -> _Ints:
        """The feature of each distinct split, shape (splits,); sorted by feature, then border."""
        return self._splits[0]

    @property
    def split_border(self) -> Features:
        """The border of each distinct split, shape (splits,)."""
        return self._splits[1]

    @cached_property
    def joined(self) -> Joined:
        """Fewer trees that say the same, for many rows."""
        return join(self.leaf, self._splits[2])

    def predict(self, features: Features) -> FloatArray:
        """Return predictions of many rows, shape (rows,); features have shape (rows, features)."""
        if not self.depth:
            return np.full(len(features), self.leaf.sum() + self.bias)
        border = self._splits[1]
        if self.depth > _JOINED_SPLITS:
            raise NepsbenchError(
                f"trees have a depth of at most {_JOINED_SPLITS}, not {self.depth}"
            )
        result = np.empty(len(features))
        room = Workspace.of(len(border), len(self.joined.leaves), min(_CHUNK, len(features)))
        for start in range(0, len(features), _CHUNK):
            rows = features[start : start + _CHUNK].T
            part = room.for_rows(rows.shape[1])
            for column, first, end in self._runs:
                np.greater(rows[column], border[first:end, np.newaxis], out=part.above[first:end])
            result[start : start + _CHUNK] = self.joined.sums(part)
        return result + self.bias


@dataclass(frozen=True, eq=False)
class Workspace:
    """What is made for a chunk of rows, kept from one chunk to the next: new memory is slow.

    Attributes:
        above: Which splits a row passes, shape (splits, rows).
        number: Leaves' numbers, shape (trees, rows).
        bit: One bit of them, of the same shape.
        place: Places among all leaves, of the same shape.
        value: What the leaves hold, of the same shape.
    """

    above: NDArray[np.bool_]
    number: NDArray[np.uint8]
    bit: NDArray[np.uint8]
    place: _Ints
    value: FloatArray

    @classmethod
    def of(cls, splits: int, trees: int, rows: int) -> Workspace:
        """Return a new one for so many rows at a time."""
        shape = (trees, rows)
        return cls(
            np.empty((splits, rows), dtype=np.bool_),
            np.empty(shape, dtype=np.uint8),
            np.empty(shape, dtype=np.uint8),
            np.empty(shape, dtype=np.intp),
            np.empty(shape, dtype=np.float64),
        )

    def for_rows(self, rows: int) -> Workspace:
        """Return one for so many rows: itself, or a new one for the fewer rows of the end."""
        splits, held = self.above.shape
        return self if rows == held else Workspace.of(splits, len(self.number), rows)


def constant(value: float) -> Trees:
    """Return trees that say the same of everything: one without a split."""
    nothing = np.zeros((1, 0))
    return Trees(nothing.astype(np.int32), nothing.astype(np.float32), np.zeros((1, 1)), value)


@dataclass(frozen=True, eq=False)
class Joined:
    """Trees joined into fewer, deeper ones.

    Attributes:
        splits: The distinct splits of each tree, shape (8, trees); the k-th is bit k of a leaf's
            number. Where there are fewer, the last ones repeat the first, and ask for nothing.
        leaves: Values of leaves, shape (trees, 256).
    """

    splits: _Ints
    leaves: FloatArray

    def sums(self, room: Workspace) -> FloatArray:
        """Return the sum over trees, shape (rows,), given which splits the rows pass."""
        above, number, bit = room.above.view(np.uint8), room.number, room.bit
        above.take(self.splits[-1], axis=0, out=number, mode="clip")
        for split in self.splits[-2::-1]:
            np.add(number, number, out=number)
            above.take(split, axis=0, out=bit, mode="clip")
            np.bitwise_or(number, bit, out=number)
        np.add(number, self._starts, out=room.place)
        # Places cannot be out of range; "clip" spares take a look at each.
        self.leaves.ravel().take(room.place, mode="clip", out=room.value)
        found: FloatArray = room.value.sum(axis=0)
        return found

    @cached_property
    def _starts(self) -> _Ints:
        starts: _Ints = np.arange(len(self.leaves), dtype=np.intp) * self.leaves.shape[1]
        return starts[:, np.newaxis]


def join(leaf: FloatArray, places: _Ints) -> Joined:
    """Join trees that ask much the same, while they have few distinct splits.

    Args:
        leaf: Values of leaves, shape (trees, 2**depth).
        places: The split of each level, shape (trees, depth).
    """
    groups = list(_groups(places))
    leaves = [_sums_of_leaves(leaf, places, union, trees) for union, trees in groups]
    padded = [[*union, *[union[0]] * (_JOINED_SPLITS - len(union))] for union, _ in groups]
    return Joined(np.array(padded, dtype=np.intp).T.copy(), np.array(leaves))


def _groups(places: _Ints) -> Iterator[tuple[list[int], list[int]]]:
    """Yield the splits and the trees of each joined tree.

    The first tree that is left takes in, one after another, the one that adds fewest splits.
    """
    count = len(places)
    asks = np.zeros((count, int(places.max()) + 1), dtype=bool)
    asks[np.arange(count)[:, np.newaxis], places] = True
    free = np.ones(count, dtype=bool)
    while free.any():
        first = int(free.argmax())
        free[first] = False
        union, trees = asks[first].copy(), [first]
        # Splits that a tree would add; what is taken adds more than there is room for.
        added = np.where(free, (asks & ~union).sum(axis=1), _JOINED_SPLITS + 1)
        while union.sum() + added.min() <= _JOINED_SPLITS:
            best = int(added.argmin())
            free[best] = False
            union |= asks[best]
            trees.append(best)
            added = np.where(free, (asks & ~union).sum(axis=1), _JOINED_SPLITS + 1)
        yield np.flatnonzero(union).tolist(), trees


def _sums_of_leaves(
    leaf: FloatArray, places: _Ints, union: Sequence[int], trees: Sequence[int]
) -> FloatArray:
    numbers = np.arange(2**_JOINED_SPLITS)
    total = np.zeros(len(numbers))
    for tree in trees:
        inner = np.zeros(len(numbers), dtype=np.intp)
        for level, split in enumerate(places[tree].tolist()):
            inner |= (numbers >> union.index(split) & 1) << level
        total += leaf[tree, inner]
    return total
