"""What a trial's MLflow run says: pure functions from rows of the warehouse."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

from mlflow.entities import Metric, Param

from nepsbench.schema import EPOCH_METRICS, TRIAL_COLUMNS, TRIAL_METRICS, Status

Row = Mapping[str, Any]

KIND = "nepsbench.kind"
PROFILE = "nepsbench.profile"
#: All waves that a trial was part of; its run hangs under the last.
WAVES = "nepsbench.waves"
#: Epochs whose metrics are in the run.
LOGGED = "nepsbench.epochs"
PARENT = "mlflow.parentRunId"

_RUN_STATUS = {
    Status.PENDING: "SCHEDULED",
    Status.RUNNING: "RUNNING",
    Status.COMPLETE: "FINISHED",
    Status.DIVERGED: "FAILED",
    Status.FAILED: "FAILED",
    Status.OOM: "FAILED",
    Status.TIMEOUT: "KILLED",
}

_TRIAL_NAMES = frozenset(column.name for column in TRIAL_COLUMNS)
_AS_METRIC = frozenset(metric.name for metric in TRIAL_METRICS)
_AS_PARAM = ("seed", "space", "space_version", "dataset", "recipe")
#: Not tags: they are the run's own fields, its metrics or its parameters, change every wave, or may
#: be too long for one.
_NO_TAG = {
    *_AS_METRIC,
    *_AS_PARAM,
    "epochs",
    "kept_weights",
    "found",
    "mlflow_run_id",
    "started",
    "ended",
}


def run_status(row: Row) -> str:
    """Return MLflow's word for the trial's status."""
    return _RUN_STATUS[Status(row["status"])]


def tags(row: Row) -> dict[str, str]:
    """Return the trial's key, outcome and provenance as tags; a missing value is no tag."""
    names = (column.name for column in TRIAL_COLUMNS if column.name not in _NO_TAG)
    return {f"nepsbench.{name}": str(row[name]) for name in names if row.get(name) is not None}


def params(row: Row) -> list[Param]:
    """Return the configuration, and what else decides the training, as MLflow parameters."""
    configuration = [name for name in row if name not in _TRIAL_NAMES and name != "benchmark"]
    names = [*configuration, *_AS_PARAM]
    return [Param(name, str(row[name])) for name in names if row.get(name) is not None]


def metrics(row: Row, epochs: Iterable[Row], *, after: int) -> list[Metric]:
    """Return the metrics of all epochs beyond ``after``, by epoch as step.

    Timestamps follow from the rows alone: the same point sent twice is one point to MLflow.
    """
    start = milliseconds(row["started"]) or 0
    points = []
    if after == 0:
        sizes = ((name, row.get(name)) for name in sorted(_AS_METRIC))
        points += [Metric(name, value, start, 0) for name, value in sizes if value is not None]
    for epoch in epochs:
        if epoch["epoch"] <= after:
            continue
        moment = start + round(1000 * (epoch["runtime"] or 0))
        for metric in EPOCH_METRICS:
            value = epoch[metric.name]
            if value is not None:
                points.append(Metric(metric.name, value, moment, epoch["epoch"]))
    return points


def milliseconds(moment: datetime | None) -> int | None:
    """Return a UTC time without zone as milliseconds since 1970."""
    if moment is None:
        return None
    return round(1000 * moment.replace(tzinfo=timezone.utc).timestamp())
