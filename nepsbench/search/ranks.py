"""Are optimisers told apart? Ranks, Friedman's test, and Nemenyi's critical difference.

Source: Demšar, Statistical Comparisons of Classifiers over Multiple Data Sets (JMLR 2006).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nepsbench.spaces.parameters import FloatArray


@dataclass(frozen=True)
class Ranking:
    """Average ranks.

    Attributes:
        rows: The optimisers.
        ranks: Their mean ranks over the blocks; 1 is best, equal ones share theirs.
        blocks: How many blocks.
        p: Friedman's probability of such ranks if all were alike; None for two optimisers or one.
        difference: Mean ranks that differ by more differ significantly (Nemenyi, at 0.05).
    """

    rows: tuple[str, ...]
    ranks: tuple[float, ...]
    blocks: int
    p: float | None
    difference: float

    def groups(self) -> list[tuple[str, ...]]:
        """Return the largest groups of optimisers that are not told apart, best first."""
        ordered = sorted(zip(self.ranks, self.rows, strict=True))
        found: list[tuple[str, ...]] = []
        for start, (low, _) in enumerate(ordered):
            group = tuple(row for rank, row in ordered[start:] if rank - low <= self.difference)
            if len(group) > 1 and not any(set(group) <= set(other) for other in found):
                found.append(group)
        return found


def ranking(rows: Sequence[str], errors: FloatArray) -> Ranking:
    """Return how optimisers rank.

    Args:
        rows: The optimisers.
        errors: Shape (blocks, optimisers), small is good; a block is a task and seed. NaN is last.
    """
    from scipy.stats import friedmanchisquare, rankdata, studentized_range

    known = np.where(np.isnan(errors), np.inf, errors)
    blocks, count = known.shape
    ranks = rankdata(known, axis=1)
    p = None
    if count > 2 and blocks > 1 and (known != known[:, :1]).any():
        p = float(friedmanchisquare(*ranks.T).pvalue)
    quantile = studentized_range.ppf(0.95, count, np.inf) / math.sqrt(2) if count > 1 else 0.0
    difference = float(quantile * math.sqrt(count * (count + 1) / (6 * blocks)))
    return Ranking(tuple(rows), tuple(ranks.mean(axis=0).tolist()), blocks, p, difference)


def performance_profile(errors: FloatArray, ratios: FloatArray) -> FloatArray:
    """Return, for each optimiser, the share of blocks in which it is within a ratio of the best.

    As NAS-Bench-360 compares by (Dolan and Moré, Benchmarking optimization software with
    performance profiles, 2002).

    Args:
        errors: Shape (blocks, optimisers), above 0, small is good; NaN is no result.
        ratios: From 1.

    Returns:
        Shape (ratios, optimisers).
    """
    known = np.where(np.isnan(errors), np.inf, errors)
    best = known.min(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(known == best, 1.0, known / best)
    ratio = np.where(np.isfinite(known), ratio, np.inf)
    found: FloatArray = (ratio[np.newaxis] <= ratios[:, np.newaxis, np.newaxis]).mean(axis=1)
    return found
