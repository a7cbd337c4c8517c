"""The region that a surrogate was fitted on: outside of it, it extrapolates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

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

    def to_dict(self) -> dict[str, Any]:
        """Return the region as JSON can say it."""
        return {"low": self.low.tolist(), "high": self.high.tolist()}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Region:
        """Return what :meth:`to_dict` wrote."""
        low, high = (np.array(content[name], dtype=np.float32) for name in ("low", "high"))
        return cls(low, high)


def region_of(features: Features) -> Region:
    """Return the region of features, shape (rows, features)."""
    return Region(features.min(axis=0), features.max(axis=0))
