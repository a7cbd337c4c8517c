"""What a surrogate has to beat: the mean, the nearest neighbour, a linear model, and XGBoost.

All see parameters alone: fidelities as numbers, other choices one-hot. XGBoost is fitted as
JAHS-Bench-201 fits it, 500 trees; it is left out where it is not installed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nepsbench.spaces.parameters import FloatArray

Baseline = Callable[[FloatArray, FloatArray, FloatArray], FloatArray]
_CHUNK = 256


def baselines() -> dict[str, Baseline]:
    """Return the baselines by name: from features and values, and other features, to predictions.

    Features have shape (rows, features), values (rows,).
    """
    found: dict[str, Baseline] = {
        "mean": mean,
        "nearest neighbour": nearest_neighbour,
        "linear": linear,
    }
    try:
        import xgboost  # noqa: F401
    except ImportError:
        return found
    return {**found, "XGBoost one-hot": xgboost_one_hot}


def mean(_features: FloatArray, values: FloatArray, others: FloatArray) -> FloatArray:
    """Predict the mean."""
    return np.full(len(others), values.mean())


def nearest_neighbour(features: FloatArray, values: FloatArray, others: FloatArray) -> FloatArray:
    """Predict the value of the nearest row, features scaled to the same spread."""
    known, asked = _scaled(features, others)
    squares = (known**2).sum(axis=1)
    found = np.empty(len(asked))
    for start in range(0, len(asked), _CHUNK):
        part = asked[start : start + _CHUNK]
        found[start : start + _CHUNK] = values[np.argmin(squares - 2 * part @ known.T, axis=1)]
    return found


def linear(features: FloatArray, values: FloatArray, others: FloatArray) -> FloatArray:
    """Predict by ridge regression with a small penalty."""
    known, asked = _scaled(features, others)
    penalty = 1e-3 * len(known) * np.eye(known.shape[1])
    weights = np.linalg.solve(known.T @ known + penalty, known.T @ (values - values.mean()))
    return np.asarray(values.mean() + asked @ weights)


def xgboost_one_hot(features: FloatArray, values: FloatArray, others: FloatArray) -> FloatArray:
    """Predict by gradient-boosted trees with the number of trees of JAHS-Bench-201."""
    import xgboost

    model = xgboost.XGBRegressor(n_estimators=500, learning_rate=0.05, max_depth=6, n_jobs=1)
    return np.asarray(model.fit(features, values).predict(others), dtype=np.float64)


def _scaled(features: FloatArray, others: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return both with means of 0 and deviations of 1, as the first have; constant ones are 0."""
    centre, scale = features.mean(axis=0), features.std(axis=0)
    varies = scale > 0
    known, asked = ((each - centre)[:, varies] / scale[varies] for each in (features, others))
    return known, asked
