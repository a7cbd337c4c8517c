"""A wave in MLflow: one run for the wave, and nested in it one run for each of its trials."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from mlflow import MlflowClient
from mlflow.entities import Metric, Run, RunTag

from nepsbench.schema import FINAL_STATUSES, JUDGES, Status
from nepsbench.tracking import content
from nepsbench.tracking.content import Row
from nepsbench.tracking.server import connected, experiment_id, find_runs

Key = tuple[int, int]

_POINTS = 800  # metrics a request; MLflow takes 1,000 entities of all kinds


def log_wave(
    tracking_uri: str,
    *,
    experiment: str,
    campaign: str,
    wave_epochs: int,
    trials: pa.Table,
    epochs: pa.Table,
    limit: int | None = None,
) -> dict[Key, str]:
    """Write a wave to MLflow; again writes only what is new.

    A trial keeps one run over all waves: a later wave adds its epochs and takes the run under its
    own. A trial that has not trained has no run, nor has one that an earlier wave finished.

    Args:
        tracking_uri: The MLflow server.
        experiment: Name of the experiment.
        campaign: The campaign, which is the name of its profile.
        wave_epochs: The wave's epoch milestone.
        trials: The profile's rows of ``trials``.
        epochs: The profile's rows of ``epochs``.
        limit: Write at most this many trials, the first by key.

    Returns:
        The run of each trial that has one, by (taskid, model_idx).

    Raises:
        TrackingError: If the server cannot be reached or refuses.
    """
    rows = [row for row in _sorted(trials, "taskid", "model_idx") if _takes_part(row, wave_epochs)]
    curves = dict(_curves(epochs))
    with connected(tracking_uri) as client:
        place = experiment_id(client, experiment)
        began = min(
            filter(None, (content.milliseconds(row["started"]) for row in rows)), default=None
        )
        parent = _wave_run(client, place, campaign, wave_epochs, began=began)
        found = find_runs(client, place, {content.KIND: "trial", content.PROFILE: campaign})
        known = {_key(run.data.tags): run for run in found}
        runs = {}
        for row in rows[:limit]:
            key = (row["taskid"], row["model_idx"])
            trial = _Trial(row, curves.get(key, ()), known.get(key))
            runs[key] = trial.write(client, place, parent.info.run_id, wave_epochs)
        _log_summary(client, parent, rows, curves, wave_epochs)
    return runs


@dataclass(frozen=True)
class _Trial:
    """A trial, its epochs, and its run if it has one."""

    row: Row
    epochs: Sequence[Row]
    run: Run | None

    def write(self, client: MlflowClient, experiment: str, parent: str, wave: int) -> str:
        """Bring the trial's run up to date and return its id."""
        old = self.run.data.tags if self.run else {}
        waves = {int(part) for part in old.get(content.WAVES, "").split(",") if part} | {wave}
        new = content.tags(self.row) | {
            content.WAVES: ",".join(map(str, sorted(waves))),
            content.LOGGED: str(self.row["epochs"]),
        }
        if wave == max(waves):
            new[content.PARENT] = parent
        changed = {name: value for name, value in new.items() if old.get(name) != value}
        if self.run and not changed:
            return str(self.run.info.run_id)
        run_id = self.run.info.run_id if self.run else self._create(client, experiment, new)
        self._log(client, run_id, changed, after=int(old.get(content.LOGGED, 0)))
        return str(run_id)

    def _create(self, client: MlflowClient, experiment: str, tags: dict[str, str]) -> str:
        # Key and kind come with the run, so that a second attempt finds one that was cut short.
        first = {
            content.KIND: "trial",
            content.PARENT: tags[content.PARENT],
            **{f"nepsbench.{name}": str(self.row[name]) for name in ("profile", *_KEY)},
        }
        name = f"{self.row['taskid']}-{self.row['model_idx']}"
        start = content.milliseconds(self.row["started"])
        run = client.create_run(experiment, start_time=start, tags=first, run_name=name)
        return str(run.info.run_id)

    def _log(self, client: MlflowClient, run_id: str, tags: dict[str, str], *, after: int) -> None:
        points = content.metrics(self.row, self.epochs, after=after)
        for start in range(_POINTS, len(points), _POINTS):
            client.log_batch(run_id, metrics=points[start : start + _POINTS])
        # The tags say what is logged, so they come last.
        client.log_batch(
            run_id,
            metrics=points[:_POINTS],
            params=content.params(self.row) if after == 0 else (),
            tags=[RunTag(name, value) for name, value in tags.items()],
        )
        status = content.run_status(self.row)
        if status == "RUNNING":
            client.update_run(run_id, status=status)
        else:
            end = content.milliseconds(self.row["ended"])
            client.set_terminated(run_id, status=status, end_time=end)


_KEY = ("taskid", "model_idx")


def _takes_part(row: Row, wave: int) -> bool:
    """Return True if the trial has trained, and this wave trained it or would go on with it."""
    if row["status"] == Status.PENDING.value and row["epochs"] == 0:
        return False
    return bool(row["target_epochs"] >= wave or row["status"] not in FINAL_STATUSES)


def _wave_run(
    client: MlflowClient, experiment: str, campaign: str, wave: int, *, began: int | None
) -> Run:
    tags = {content.KIND: "wave", content.PROFILE: campaign, "nepsbench.wave": str(wave)}
    for run in find_runs(client, experiment, tags):
        return run
    name = f"{campaign} to epoch {wave}"
    return client.create_run(experiment, start_time=began, tags=tags, run_name=name)


def _log_summary(
    client: MlflowClient,
    run: Run,
    rows: Sequence[Row],
    curves: dict[Key, list[Row]],
    wave: int,
) -> None:
    """Log the wave's own metrics, those that changed since the last time."""
    now = _summary(rows, curves, wave)
    ends = [end for row in rows if (end := content.milliseconds(row["ended"])) is not None]
    moment = max(ends, default=0)
    changed = {name: value for name, value in now.items() if run.data.metrics.get(name) != value}
    if changed:
        points = [Metric(name, value, moment, wave) for name, value in changed.items()]
        client.log_batch(run.info.run_id, metrics=points)
    open_trials = any(row["status"] == Status.RUNNING.value for row in rows)
    if changed and not open_trials:
        client.set_terminated(run.info.run_id, status="FINISHED", end_time=moment or None)


def _summary(rows: Sequence[Row], curves: dict[Key, list[Row]], wave: int) -> dict[str, float]:
    """Return a wave's aggregates, as they were at its milestone."""
    summary: dict[str, float] = {"trials": len(rows)}
    seconds, ends = 0.0, []
    for row in rows:
        # A trial that a later wave took on has come to this wave's end.
        status = Status.COMPLETE.value if row["epochs"] >= wave else row["status"]
        summary[f"trials_{status}"] = summary.get(f"trials_{status}", 0) + 1
        curve = [epoch for epoch in curves.get(_row_key(row), ()) if epoch["epoch"] <= wave]
        if curve:
            seconds += curve[-1]["runtime"] or 0.0
            ends.append(curve[-1])
    summary["cpu_hours"] = seconds / 3600
    for metric in JUDGES:
        scores = [end[metric.name] for end in ends if end[metric.name] is not None]
        if scores:
            best = max if metric.direction == "max" else min
            summary[f"best_{metric.name}"] = best(scores)
            summary[f"mean_{metric.name}"] = sum(scores) / len(scores)
    return summary


def _curves(epochs: pa.Table) -> Iterator[tuple[Key, list[Row]]]:
    """Yield each trial's epochs, in order."""
    key: Key | None = None
    curve: list[Row] = []
    for row in _sorted(epochs, "taskid", "model_idx", "epoch"):
        if key != _row_key(row):
            if key is not None:
                yield key, curve
            key, curve = _row_key(row), []
        curve.append(row)
    if key is not None:
        yield key, curve


def _sorted(table: pa.Table, *names: str) -> list[dict[str, Any]]:
    order = pc.sort_indices(table, sort_keys=[(name, "ascending") for name in names])
    rows: list[dict[str, Any]] = table.take(order).to_pylist()
    return rows


def _row_key(row: Row) -> Key:
    return row["taskid"], row["model_idx"]


def _key(tags: dict[str, str]) -> Key:
    return int(tags["nepsbench.taskid"]), int(tags["nepsbench.model_idx"])
