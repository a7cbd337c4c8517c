"""Fit one CatBoost model a metric on the tables of a benchmark."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nepsbench.errors import NepsbenchError
from nepsbench.schema import FINAL_STATUSES, Metric, Status
from nepsbench.spaces import Space, get_space
from nepsbench.spaces.parameters import FloatArray
from nepsbench.surrogate.boosting import Boosting, FittedModel, fit_model
from nepsbench.surrogate.encoder import Encoder
from nepsbench.surrogate.groups import groups_of
from nepsbench.surrogate.models import FittedSurrogate
from nepsbench.surrogate.region import Region, region_of
from nepsbench.surrogate.targets import MODELLED_METRICS, Target, learnt_epochs, target_of
from nepsbench.surrogate.trees import Trees, constant
from nepsbench.tables import match_tables

if TYPE_CHECKING:
    import pyarrow as pa

#: The seed of JAHS-Bench-201's surrogate splits.
DEFAULT_SEED = 3501623856
#: With fewer, nothing is left to learn from once some are held out.
FEWEST_CONFIGURATIONS = 4
#: Values of one metric to fit on; more make it slower, not better.
MOST_ROWS = 40_000


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

    def only(self, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> MetricRows:
        """Return some of the rows."""
        return MetricRows(self.trial[chosen], self.epoch[chosen], self.value[chosen])

    def at_the_end(self) -> MetricRows:
        """Return the rows at the last epoch that any of them has (there is at least one)."""
        return self.only(self.epoch == self.epoch.max())


@dataclass(frozen=True)
class TrainingData:
    """What a surrogate learns from: trials that ended by themselves, and the values they left.

    Attributes:
        space: The benchmark's space.
        codes: Encoded configuration of each trial, shape (trials, parameters).
        config_ids: The configuration of each trial.
        metrics: The known values of each metric that has any.
        ended: Which trials ended by themselves, shape (trials,).
        diverged: Which of them diverged.
    """

    space: Space
    codes: FloatArray
    config_ids: tuple[str, ...]
    metrics: dict[str, MetricRows]
    ended: NDArray[np.bool_]
    diverged: NDArray[np.bool_]

    @cached_property
    def groups(self) -> NDArray[np.int64]:
        """The same number for trials that differ in the seed alone, or are isomorphic."""
        return groups_of(self.space, self.codes)

    @cached_property
    def last_epoch(self) -> float:
        """The last epoch that any metric has a value of."""
        return max(float(rows.epoch.max()) for rows in self.metrics.values())


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
    return fit_part(data, everything, seed=seed, threads=threads, boosting=boosting)


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
    diverged = np.array([status == Status.DIVERGED for status in statuses], dtype=bool)
    return TrainingData(space, tables.codes(space), config_ids, metrics, ended, diverged)


def fit_part(
    data: TrainingData,
    chosen: NDArray[np.bool_],
    *,
    seed: int,
    threads: int,
    boosting: Boosting | None = None,
) -> FittedSurrogate:
    """Fit on the trials where ``chosen`` is true; a metric without values there is left out.

    Args:
        data: What to learn from.
        chosen: Which trials, shape (trials,).
        seed: Of the models.
        threads: CPU threads.
        boosting: Settings; by the number of configurations without.
    """
    ids = {name for name, used in zip(data.config_ids, chosen, strict=True) if used}
    boosting = boosting or Boosting.for_size(len(ids))
    targets: dict[str, Target] = {}
    fitted: dict[str, FittedModel] = {}
    for metric in MODELLED_METRICS:
        found = fit_metric(data, metric, chosen, boosting=boosting, seed=seed, threads=threads)
        if found is not None:
            targets[metric.name], fitted[metric.name] = found
    return FittedSurrogate(
        Encoder(data.space, targets),
        {name: model.content for name, model in fitted.items()},
        {name: model.trees for name, model in fitted.items()},
        region=_region(data, chosen),
        divergence=fit_divergence(data, chosen, boosting=boosting, seed=seed, threads=threads),
    )


def fit_metric(
    data: TrainingData,
    metric: Metric,
    chosen: NDArray[np.bool_],
    *,
    boosting: Boosting,
    seed: int,
    threads: int,
) -> tuple[Target, FittedModel] | None:
    """Fit one metric on the trials where ``chosen`` is true; None if it has no values there."""
    rows = data.metrics.get(metric.name)
    if rows is None or not (used := thinned(rows, chosen)).size:
        return None
    epoch, value = rows.epoch[used], rows.value[used]
    target = target_of(metric, value)
    codes, epochs = data.codes[rows.trial[used]], learnt_epochs(target, metric, epoch)
    model = fit_model(
        Encoder(data.space, {}).features(codes, epochs),
        target.forward(value, epoch),
        boosting=boosting,
        seed=seed,
        threads=threads,
    )
    return target, model


def fit_divergence(
    data: TrainingData, chosen: NDArray[np.bool_], *, boosting: Boosting, seed: int, threads: int
) -> Trees:
    """Fit the log-odds that a trial diverges, on trials that ended by themselves.

    Where none diverged, or all did, they are the same everywhere: those of Laplace's rule of
    succession.
    """
    used = np.flatnonzero(chosen & data.ended)
    diverged = data.diverged[used].astype(np.float64)
    count = diverged.sum()
    if count in (0, len(used)):
        return constant(float(np.log((count + 1) / (len(used) - count + 1))))
    features = Encoder(data.space, {}).features(data.codes[used], np.zeros(len(used)))
    model = fit_model(
        features,
        diverged,
        boosting=replace(boosting, iterations=min(boosting.iterations, 200)),
        seed=seed,
        threads=threads,
        loss="Logloss",
    )
    return model.trees


def _region(data: TrainingData, chosen: NDArray[np.bool_]) -> Region:
    trained = np.flatnonzero(chosen & data.ended)
    epochs = np.full(len(trained), data.last_epoch)
    low_epochs = np.zeros(len(trained))
    encoder = Encoder(data.space, {})
    return region_of(
        np.vstack([encoder.features(data.codes[trained], each) for each in (low_epochs, epochs)])
    )


def thinned(
    rows: MetricRows, chosen: NDArray[np.bool_], *, most: int = MOST_ROWS
) -> NDArray[np.int64]:
    """Return the places of the values to fit on: all, or of many, those of fewer epochs.

    Neighbouring epochs say nearly the same. Epochs are kept at even steps of their logarithm, and
    the last ones of all, so that there are about ``most`` rows.
    """
    used = np.flatnonzero(chosen[rows.trial])
    epochs = np.unique(rows.epoch[used])
    keep = int(most / max(len(used), 1) * len(epochs))
    if len(used) <= most or len(epochs) < 2:
        return used
    wanted = np.geomspace(max(epochs[0], 1.0), epochs[-1], max(keep, 2))
    kept = epochs[np.minimum(np.searchsorted(epochs, wanted), len(epochs) - 1)]
    return used[np.isin(rows.epoch[used], kept)]
