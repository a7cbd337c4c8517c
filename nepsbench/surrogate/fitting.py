"""Fit one CatBoost model a metric on the tables of a benchmark."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nepsbench.errors import NepsbenchError
from nepsbench.schema import FINAL_STATUSES
from nepsbench.spaces import Space, get_space
from nepsbench.spaces.parameters import FloatArray
from nepsbench.surrogate.encoder import MODELLED_METRICS, Encoder, Target, target_of
from nepsbench.surrogate.models import FittedSurrogate, new_model, serialised
from nepsbench.tables import match_tables

if TYPE_CHECKING:
    import pyarrow as pa

#: The seed of JAHS-Bench-201's surrogate splits.
DEFAULT_SEED = 3501623856
#: With fewer, nothing is left to learn from once some are held out.
FEWEST_CONFIGURATIONS = 4


@dataclass(frozen=True)
class Boosting:
    """CatBoost's settings, the same for every metric.

    Shallow trees and a moderate step hold up on tens of trials as well as on thousands. No row is
    left to chance: CatBoost's sampling fails on a handful of rows, and on a constant metric.
    """

    iterations: int = 400
    depth: int = 4
    learning_rate: float = 0.1
    bootstrap_type: str = "No"


@dataclass(frozen=True)
class MetricRows:
    """All known values of one metric.

    Attributes:
        trial: The trial of each value, shape (rows,).
        epoch: Its epoch; 0 for metrics of the whole trial, so that trees cannot split on it.
        value: The value, finite.
    """

    trial: NDArray[np.int64]
    epoch: FloatArray
    value: FloatArray


@dataclass(frozen=True)
class TrainingData:
    """What a surrogate learns from: trials that ended by themselves, and the values they left.

    Attributes:
        space: The benchmark's space.
        codes: Encoded configuration of each trial, shape (trials, parameters).
        config_ids: The configuration of each trial.
        metrics: The known values of each metric that has any.
    """

    space: Space
    codes: FloatArray
    config_ids: tuple[str, ...]
    metrics: dict[str, MetricRows]


def fit(
    trials: pa.Table,
    epochs: pa.Table,
    *,
    space: str,
    seed: int = DEFAULT_SEED,
    threads: int = 1,
    boosting: Boosting | None = None,
) -> FittedSurrogate:
    """Fit a surrogate on all trials that are complete or diverged.

    The same tables, seed and CatBoost version give the same files, whatever the order of rows.

    Raises:
        NepsbenchError: If no trial has ended, or catboost is not installed.
    """
    data = training_data(trials, epochs, get_space(space))
    everything = np.ones(len(data.config_ids), dtype=bool)
    return fit_part(data, everything, seed=seed, threads=threads, boosting=boosting or Boosting())


def training_data(trials: pa.Table, epochs: pa.Table, space: Space) -> TrainingData:
    """Collect the known values of every metric that a surrogate can learn.

    Raises:
        NepsbenchError: If no trial is complete or diverged, or none has a value.
    """
    tables = match_tables(trials, epochs, space)
    statuses = tables.trials.column("status").to_pylist()
    ended = np.array([status in FINAL_STATUSES for status in statuses], dtype=bool)
    if not ended.any():
        raise NepsbenchError("no trial is complete or diverged; train before fitting a surrogate")
    epochs_of_rows = tables.epochs.column("epoch").to_numpy().astype(np.float64)
    metrics: dict[str, MetricRows] = {}
    for metric in MODELLED_METRICS:
        if metric.table == "trials":
            trial, epoch = np.arange(len(ended)), np.zeros(len(ended))
        else:
            trial, epoch = tables.trial_row, epochs_of_rows
        value = tables.values(metric)
        known = np.isfinite(value) & ended[trial]
        if known.any():
            metrics[metric.name] = MetricRows(trial[known], epoch[known], value[known])
    if not metrics:
        raise NepsbenchError("the trials left no metric that a surrogate can learn")
    config_ids = tuple(tables.trials.column("config_id").to_pylist())
    trained = len({name for name, done in zip(config_ids, ended, strict=True) if done})
    if trained < FEWEST_CONFIGURATIONS:
        raise NepsbenchError(
            f"a surrogate needs at least {FEWEST_CONFIGURATIONS} trained configurations, there are "
            f"{trained}; train more, for example with more samples"
        )
    return TrainingData(space, tables.codes(space), config_ids, metrics)


def fit_part(
    data: TrainingData,
    chosen: NDArray[np.bool_],
    *,
    seed: int,
    threads: int,
    boosting: Boosting,
) -> FittedSurrogate:
    """Fit on the trials where ``chosen`` is true; a metric without values there is left out."""
    targets: dict[str, Target] = {}
    models: dict[str, bytes] = {}
    plain = Encoder(data.space, {})
    for metric in MODELLED_METRICS:
        rows = data.metrics.get(metric.name)
        if rows is None or not (used := chosen[rows.trial]).any():
            continue
        target = target_of(metric, rows.value[used])
        model = new_model(
            **asdict(boosting),
            random_seed=seed % 2**31,  # CatBoost takes 31 bits
            thread_count=threads,
            allow_const_label=True,
            allow_writing_files=False,
            verbose=False,
        )
        features = plain.features(data.codes[rows.trial[used]], rows.epoch[used])
        model.fit(features, target.forward(rows.value[used]))
        targets[metric.name], models[metric.name] = target, serialised(model)
    return FittedSurrogate(Encoder(data.space, targets), models)
