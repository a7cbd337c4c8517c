"""The region that a surrogate was fitted on: outside of it, it extrapolates."""

from __future__ import annotations

from dataclasses import dataclass

from nepsbench.surrogate.features import Features


@dataclass(frozen=True, eq=False)
class Region:
    """The least and the most that each feature was, epoch included.

    A choice that was never seen is one-hot, and so outside, too.

    Attributes:
        low: Shape (features,).
        high: Shape (features,).
    """

    low: Features
    high: Features

    def is_outside(self, features: Features) -> bool:
        """Return True if any feature of one row lies where no training was."""
        return bool(((features < self.low) | (features > self.high)).any())


def region_of(features: Features) -> Region:
    """Return the region of features, shape (rows, features)."""
    return Region(features.min(axis=0), features.max(axis=0))
