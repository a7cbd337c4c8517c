"""Scores of predictions: R², rank correlations, and what an optimiser would make of them."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from nepsbench.errors import NepsbenchError
from nepsbench.spaces.parameters import FloatArray

Score = dict[str, float | int | None]


def score(truth: FloatArray, predicted: FloatArray) -> Score:
    """Return R², Kendall's tau-b, Spearman's rho, None where not defined, and the rows scored."""
    if len(np.unique(truth)) < 2:
        return {"r2": None, "kendall_tau": None, "spearman": None, "rows": len(truth)}
    residual = float(np.sum((truth - predicted) ** 2))
    total = float(np.sum((truth - truth.mean()) ** 2))
    return {
        "r2": 1.0 - residual / total,
        "kendall_tau": _statistic("kendalltau", truth, predicted),
        "spearman": _statistic("spearmanr", truth, predicted),
        "rows": len(truth),
    }


def ranking(truth: FloatArray, predicted: FloatArray, direction: Literal["max", "min"]) -> Score:
    """Return how well the best are found.

    ``top_recall`` is the part of the best percent (one at least) that is among as many predicted
    best; ``regret`` is by how much the predicted best is worse than the best, in the metric's unit.
    """
    sign = 1.0 if direction == "max" else -1.0
    count = max(1, round(0.01 * len(truth)))
    best, chosen = (np.argsort(-sign * each, kind="stable")[:count] for each in (truth, predicted))
    regret = abs(truth[best[0]] - truth[chosen[0]])
    return {"top_recall": len(np.intersect1d(best, chosen)) / count, "regret": float(regret)}


def _statistic(name: str, truth: FloatArray, predicted: FloatArray) -> float | None:
    if len(np.unique(predicted)) < 2:
        return None
    try:
        from scipy import stats
    except ImportError:
        raise NepsbenchError(
            "scipy is not installed; run: pip install 'nepsbench[surrogate]'"
        ) from None
    test: Any = getattr(stats, name)
    return float(test(truth, predicted).statistic)
