"""What a profile covers: how evenly its values fall, and what stands in it twice."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nepsbench.sampling.profile import Profile
from nepsbench.spaces import Categorical

_BINS = 5


@dataclass(frozen=True)
class Coverage:
    """How often each value (or each fifth of a range) of a parameter was drawn."""

    parameter: str
    labels: tuple[str, ...]
    counts: tuple[int, ...]


def coverage(profile: Profile) -> list[Coverage]:
    """Return the coverage of every parameter; a real one in five parts that are equally likely."""
    report = []
    for k, parameter in enumerate(profile.space.parameters):
        codes = profile.codes[:, k]
        if isinstance(parameter, Categorical):
            labels = tuple(str(choice) for choice in parameter.choices)
            counts = np.bincount(codes.astype(np.int64), minlength=len(labels))
        else:
            spaced = np.geomspace if parameter.log else np.linspace
            edges = spaced(parameter.lower, parameter.upper, _BINS + 1)
            labels = tuple(f"{a:.2g} to {b:.2g}" for a, b in itertools.pairwise(edges))
            counts = np.bincount(
                np.clip(np.searchsorted(edges, codes, side="right") - 1, 0, _BINS - 1),
                minlength=_BINS,
            )
        report.append(Coverage(parameter.name, labels, tuple(int(c) for c in counts)))
    return report


def count_duplicates(profile: Profile) -> int:
    """Return how many trials repeat an earlier trial's configuration and seed."""
    # By their bits: a float64 cannot tell all 64-bit seeds apart.
    return _repeats(np.column_stack([profile.codes.view(np.int64), profile.seed]))


def count_duplicate_configurations(profile: Profile) -> int:
    """Return how many trials repeat an earlier trial's configuration, whatever the seed."""
    return _repeats(profile.codes.view(np.int64))


def _repeats(rows: NDArray[np.int64]) -> int:
    data = np.ascontiguousarray(rows)
    keys = data.view(np.dtype((np.void, data.dtype.itemsize * data.shape[1]))).ravel()
    return len(keys) - len(np.unique(keys))
