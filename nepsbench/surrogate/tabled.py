"""Trees that never see most features: what a row's cell or choices say is looked up at once.

A leaf's number has a bit for each split that a joined tree asks. Features that follow from a key,
as all of a cell's follow from its number, leave their bits for every joined tree in one row of a
table; those of a real number leave them in the row of the interval that it lies in. A number is
then the disjunction of a few such rows, whatever the number of features and splits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from nepsbench.spaces.parameters import FloatArray
from nepsbench.surrogate.features import FeatureMap, Features
from nepsbench.surrogate.trees import Joined, Trees

_Ints: TypeAlias = NDArray[np.intp]
_Bits: TypeAlias = NDArray[np.uint8]

#: Rows that are answered at a time, so that what is made for them stays in a core's cache.
_CHUNK = 512
#: With more real features that are asked, their intervals take longer than the features do.
_MOST_REAL = 12


@dataclass(frozen=True, eq=False)
class Keyed:
    """Features that follow from a key.

    Attributes:
        keys: From encoded configurations to the key of each row.
        bits: What each key says to each joined tree, shape (keys, trees).
    """

    keys: Callable[[FloatArray], _Ints]
    bits: _Bits


@dataclass(frozen=True, eq=False)
class Reals:
    """Real features that are made together.

    Attributes:
        values: From encoded configurations and epochs to the features, shape (features, rows).
        columns: Of each feature that is asked: its place, its borders, ascending, and what each
            interval between them says to each joined tree.
    """

    values: Callable[[FloatArray, FloatArray], Features]
    columns: tuple[tuple[int, NDArray[np.float32], _Bits], ...]


@dataclass(frozen=True, eq=False)
class TabledTrees:
    """The trees of one model, asked by encoded configuration instead of by features."""

    keyed: tuple[Keyed, ...]
    reals: tuple[Reals, ...]
    joined: Joined
    bias: float

    def predict(self, codes: FloatArray, epochs: FloatArray) -> FloatArray:
        """Return predictions of many rows, shape (rows,).

        Args:
            codes: Encoded configurations, shape (rows, parameters).
            epochs: The epoch of each row.
        """
        leaves, starts = self.joined.leaves.ravel(), self._starts
        result = np.empty(len(codes))
        shape = (min(_CHUNK, len(codes)), len(starts))
        places, values = np.empty(shape, dtype=np.intp), np.empty(shape)
        for start in range(0, len(codes), _CHUNK):
            rows = slice(start, start + _CHUNK)
            numbers = self._numbers(codes[rows], epochs[rows])
            place, value = places[: len(numbers)], values[: len(numbers)]
            np.add(numbers, starts, out=place)
            # Places cannot be out of range; "clip" spares take a look at each.
            leaves.take(place, mode="clip", out=value)
            value.sum(axis=1, out=result[rows])
        return result + self.bias

    def _numbers(self, codes: FloatArray, epochs: FloatArray) -> _Bits:
        """Return the number of each joined tree's leaf, shape (rows, trees)."""
        parts = self._parts(codes, epochs)
        numbers = next(parts)
        for part in parts:
            numbers |= part
        return numbers

    def _parts(self, codes: FloatArray, epochs: FloatArray) -> Iterator[_Bits]:
        for each in self.keyed:
            yield each.bits.take(each.keys(codes), axis=0)
        for block in self.reals:
            values = block.values(codes, epochs)
            for column, borders, bits in block.columns:
                yield bits.take(np.searchsorted(borders, values[column]), axis=0)

    @cached_property
    def _starts(self) -> _Ints:
        count, size = self.joined.leaves.shape
        starts: _Ints = np.arange(count, dtype=np.intp) * size
        return starts


def tabled(trees: Trees, features: FeatureMap) -> TabledTrees | None:
    """Return trees that are asked by configuration; None where features are as fast.

    Args:
        trees: Trees over the features.
        features: The features of the space.
    """
    if not trees.depth:
        return None
    keyed, reals, start = [], [], 0
    for block in features.blocks:
        mine = _asked(trees, start, len(block.names))
        start += len(block.names)
        if mine.size and block.keyed is not None:
            values = block.keyed.table()[trees.split_feature[mine] - (start - len(block.names))]
            above = values > trees.split_border[mine, np.newaxis]
            keyed.append(Keyed(block.keyed.keys, _bits(trees.joined, mine, above)))
        elif mine.size:
            first = start - len(block.names)
            reals.append(Reals(_without_epochs(block.values), _intervals(trees, mine, first)))
    if (mine := _asked(trees, start, 1)).size:
        reals.append(Reals(_epochs_alone, _intervals(trees, mine, start)))
    if sum(len(block.columns) for block in reals) > _MOST_REAL:
        return None
    return TabledTrees(tuple(keyed), tuple(reals), trees.joined, trees.bias)


def _asked(trees: Trees, first: int, count: int) -> _Ints:
    """Return the splits that ask one of these features."""
    inside = (trees.split_feature >= first) & (trees.split_feature < first + count)
    return np.flatnonzero(inside)


def _intervals(
    trees: Trees, mine: _Ints, first: int
) -> tuple[tuple[int, NDArray[np.float32], _Bits], ...]:
    """Return the columns of :class:`Reals` for splits that ask features from ``first`` on."""
    found = []
    for feature in np.unique(trees.split_feature[mine]).tolist():
        # Splits are sorted by feature and border.
        splits = mine[trees.split_feature[mine] == feature]
        above = np.arange(len(splits))[:, np.newaxis] < np.arange(len(splits) + 1)
        bits = _bits(trees.joined, splits, above)
        found.append((feature - first, trees.split_border[splits], bits))
    return tuple(found)


def _bits(joined: Joined, splits: _Ints, above: NDArray[np.bool_]) -> _Bits:
    """Return what keys say to joined trees, shape (keys, trees).

    Args:
        joined: The joined trees.
        splits: Some of their splits.
        above: Whether a key is above each of these, shape (splits, keys).
    """
    place = np.full(int(joined.splits.max()) + 1, -1)
    place[splits] = np.arange(len(splits))
    said = np.ascontiguousarray(above.T).view(np.uint8)
    bits = np.zeros((len(said), joined.splits.shape[1]), dtype=np.uint8)
    for level, asked in enumerate(place[joined.splits]):
        trees = np.flatnonzero(asked >= 0)
        bits[:, trees] |= said[:, asked[trees]] << np.uint8(level)
    return bits


def _without_epochs(
    values: Callable[[FloatArray], Features],
) -> Callable[[FloatArray, FloatArray], Features]:
    def of_codes(codes: FloatArray, _: FloatArray) -> Features:
        return values(codes)

    return of_codes


def _epochs_alone(_: FloatArray, epochs: FloatArray) -> Features:
    return epochs.astype(np.float32)[np.newaxis]
