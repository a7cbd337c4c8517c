"""Studies of optimisers in MLflow: one run a search, its trajectory by evaluation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mlflow import MlflowClient
from mlflow.entities import Metric, Param

from nepsbench.tracking.content import KIND
from nepsbench.tracking.server import connected, experiment_id, find_runs

if TYPE_CHECKING:
    from nepsbench.search.standing import Result
    from nepsbench.search.trajectories import Trajectory

_STUDY, _ROW, _SEED = "nepsbench.study", "nepsbench.optimiser", "nepsbench.seed"
#: Points that one request to MLflow may have.
_POINTS = 1000


def log_study(tracking_uri: str, result: Result) -> int:
    """Log every search of a study that is not logged yet; returns how many runs there are.

    The experiment is ``search <study>``. Each point's step is the evaluation and its time the
    simulated second at which it ended, from 1970 on; ``found`` is what was found by then.

    Args:
        tracking_uri: The MLflow server.
        result: The study.

    Raises:
        TrackingError: If the server cannot be reached or refuses.
    """
    study = result.study
    with connected(tracking_uri) as client:
        place = experiment_id(client, f"search {study.study}")
        tags = {KIND: "search", "nepsbench.content": str(result.made["content"])}
        known = {
            (run.data.tags[_ROW], int(run.data.tags[_SEED])): run
            for run in find_runs(client, place, tags)
        }
        for row, searches in result.found.items():
            entry = study.entry(row)
            arguments = {"optimiser": entry.name, "benchmark": study.benchmark, **entry.arguments}
            for search in searches:
                run = known.get((row, search.seed))
                if run is not None and run.info.status == "FINISHED":
                    continue
                own = {**tags, _STUDY: study.study, _ROW: row, _SEED: str(search.seed)}
                run = run or client.create_run(
                    place, tags=own, run_name=f"{row} {search.seed}", start_time=0
                )
                _log(client, str(run.info.run_id), search, arguments)
        return sum(len(searches) for searches in result.found.values())


def _log(
    client: MlflowClient, run_id: str, search: Trajectory, arguments: dict[str, object]
) -> None:
    moments = [int(1000 * seconds) for seconds in search.ended.tolist()]
    points = [
        Metric("found", value, moment, step)
        for step, (value, moment) in enumerate(
            zip(search.value.tolist(), moments, strict=True), start=1
        )
        if not math.isnan(value)
    ]
    last = moments[-1] if moments else 0
    points += [Metric(f"final_{name}", value, last, 0)
               for name, value in search.final.items() if not math.isnan(value)]  # fmt: skip
    params = [Param(name, str(value)) for name, value in arguments.items()]
    client.log_batch(run_id, params=params)
    for first in range(0, len(points), _POINTS):
        client.log_batch(run_id, metrics=points[first : first + _POINTS])
    client.set_terminated(run_id, end_time=last)
