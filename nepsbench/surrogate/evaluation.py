"""Judge a surrogate on configurations that it has not seen."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nepsbench.errors import NepsbenchError
from nepsbench.schema import METRICS_BY_NAME
from nepsbench.spaces import get_space
from nepsbench.spaces.parameters import FloatArray
from nepsbench.surrogate.fitting import (
    DEFAULT_SEED,
    Boosting,
    MetricRows,
    TrainingData,
    fit_part,
    training_data,
)
from nepsbench.surrogate.models import Card, FittedSurrogate

if TYPE_CHECKING:
    import pyarrow as pa

Score = dict[str, float | int | None]


def evaluate(
    trials: pa.Table,
    epochs: pa.Table,
    *,
    space: str,
    seed: int = DEFAULT_SEED,
    threads: int = 1,
    held_out: float = 0.2,
    boosting: Boosting | None = None,
) -> Card:
    """Fit on a part of the configurations, and score the predictions for the others.

    All trials of a configuration are on one side of the split. ``overall`` scores all rows held
    out, ``last_epoch`` those at the benchmark's last epoch (ranking whole trainings, which is
    what optimisers need). A score is None where it is not defined: fewer than two different values.

    Returns:
        The surrogate card: split, settings, and R² and Kendall's tau (tau-b) of every metric.

    Raises:
        NepsbenchError: If there are fewer than two configurations, or an extra is not installed.
    """
    boosting = boosting or Boosting()
    data = training_data(trials, epochs, get_space(space))
    test = split_by_configuration(data.config_ids, held_out=held_out, seed=seed)
    fitted = fit_part(data, ~test, seed=seed, threads=threads, boosting=boosting)
    configurations = np.array(data.config_ids)
    return {
        "space": data.space.name,
        "space_version": data.space.version,
        "split": {
            "by": "config_id",
            "seed": seed,
            "held_out": held_out,
            "configurations_fitted": len(np.unique(configurations[~test])),
            "configurations_held_out": len(np.unique(configurations[test])),
        },
        "boosting": asdict(boosting),
        "metrics": _score_metrics(fitted, data, test),
    }


def split_by_configuration(
    config_ids: tuple[str, ...], *, held_out: float, seed: int
) -> NDArray[np.bool_]:
    """Return which trials are held out; a configuration is never on both sides.

    Raises:
        NepsbenchError: If there are fewer than two configurations.
    """
    distinct, group = np.unique(np.array(config_ids), return_inverse=True)
    if len(distinct) < 2:
        raise NepsbenchError("a surrogate can be judged on two configurations or more, not on one")
    count = min(max(1, round(held_out * len(distinct))), len(distinct) - 1)
    # Sorting raw Philox words, not Generator.permutation: numpy keeps the words for ever.
    order = np.argsort(np.random.Philox(seed).random_raw(len(distinct)), kind="stable")
    is_held_out = np.zeros(len(distinct), dtype=bool)
    is_held_out[order[:count]] = True
    return is_held_out[group]


def score(truth: FloatArray, predicted: FloatArray) -> Score:
    """Return R² and Kendall's tau of predictions, None where not defined, and the rows scored."""
    if len(np.unique(truth)) < 2:
        return {"r2": None, "kendall_tau": None, "rows": len(truth)}
    residual = float(np.sum((truth - predicted) ** 2))
    total = float(np.sum((truth - truth.mean()) ** 2))
    tau = _kendall_tau(truth, predicted)
    return {"r2": 1.0 - residual / total, "kendall_tau": tau, "rows": len(truth)}


def _score_metrics(
    fitted: FittedSurrogate, data: TrainingData, test: NDArray[np.bool_]
) -> dict[str, dict[str, Score]]:
    last_epoch = max(float(rows.epoch.max()) for rows in data.metrics.values())
    scores: dict[str, dict[str, Score]] = {}
    for name, rows in data.metrics.items():
        held = test[rows.trial]
        if name not in fitted.models or not held.any():
            continue
        part = MetricRows(rows.trial[held], rows.epoch[held], rows.value[held])
        predicted = fitted.predict_metric(name, data.codes[part.trial], part.epoch)
        scores[name] = {"overall": score(part.value, predicted)}
        if METRICS_BY_NAME[name].table == "epochs":
            at_end = part.epoch == last_epoch
            scores[name]["last_epoch"] = score(part.value[at_end], predicted[at_end])
    return scores


def _kendall_tau(truth: FloatArray, predicted: FloatArray) -> float | None:
    try:
        from scipy.stats import kendalltau
    except ImportError:
        raise NepsbenchError(
            "scipy is not installed; run: pip install 'nepsbench[surrogate]'"
        ) from None
    tau = float(kendalltau(truth, predicted).statistic)
    return None if np.isnan(tau) else tau
