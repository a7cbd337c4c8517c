"""Seeded draws for optimisers: numbers from raw Philox words, the same on every platform."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_BLOCK = 256
_NORMAL = NormalDist()
T = TypeVar("T")


class Draws:
    """An endless row of draws.

    NumPy promises the raw words of Philox, not what ``Generator`` makes of them, so numbers are
    made of words here, as sampling profiles do. The words are of a seed sequence, so that they are
    neither a profile's nor those of ``bench.sample``.

    Args:
        seed: The search's.
        purpose: Draws for different purposes are independent.
    """

    def __init__(self, seed: int, purpose: int = 0) -> None:
        self._words = np.random.Philox(np.random.SeedSequence(seed, spawn_key=(purpose,)))
        self._block: list[int] = []

    def word(self) -> int:
        """Return the next 64 bits."""
        if not self._block:
            self._block = self._words.random_raw(_BLOCK).tolist()[::-1]
        return self._block.pop()

    def words(self, count: int) -> NDArray[np.uint64]:
        """Return the next words, shape (count,)."""
        return np.array([self.word() for _ in range(count)], dtype=np.uint64)

    def uniform(self) -> float:
        """Return a number in [0, 1)."""
        return (self.word() >> 11) * 2.0**-53

    def below(self, count: int) -> int:
        """Return a whole number from 0 to ``count - 1``, all as likely to 2**-64 of ``count``."""
        return self.word() * count >> 64

    def choice(self, values: Sequence[T]) -> T:
        """Return one of the values."""
        return values[self.below(len(values))]

    def sample(self, values: Sequence[T], count: int) -> list[T]:
        """Return different ones of the values, at most ``count``, in any order."""
        rest = list(values)
        taken = min(count, len(rest))
        for place in range(taken):
            other = place + self.below(len(rest) - place)
            rest[place], rest[other] = rest[other], rest[place]
        return rest[:taken]

    def shuffled(self, values: Sequence[T]) -> list[T]:
        """Return the values in any order."""
        return self.sample(values, len(values))

    def weighted(self, weights: Sequence[float]) -> int:
        """Return a place, as likely as its weight; weights need not add up to 1."""
        left = self.uniform() * sum(weights)
        for place, weight in enumerate(weights):
            left -= weight
            if left < 0:
                return place
        return len(weights) - 1

    def normal_within(self, mean: float, deviation: float) -> float:
        """Return a draw of a normal distribution that is cut off below 0 and above 1."""
        low, high = (_NORMAL.cdf((bound - mean) / deviation) for bound in (0.0, 1.0))
        part = low + (self.uniform() + 2.0**-54) * (high - low)
        if not 0.0 < part < 1.0:
            return mean
        return min(max(mean + deviation * _NORMAL.inv_cdf(part), 0.0), 1.0)
