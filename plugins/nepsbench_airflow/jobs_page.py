"""The page of cluster jobs: a table, made on the server from the ledger and from nothing else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader

from nepsbench_airflow.links import JOBS_KEY

if TYPE_CHECKING:
    from fastapi import FastAPI

    from nepsbench.cluster.status import ClusterStatus

#: Seconds after which the page of jobs that are not settled loads itself again.
REFRESH = 15


def add_jobs(app: FastAPI) -> None:
    """Add one page for a task's jobs, and one for all clusters.

    Airflow's own rules say who may see them: whoever may see the task, or the cluster's activity.
    """
    from airflow.api_fastapi.auth.managers.models.resource_details import (
        AccessView,
        DagAccessEntity,
    )
    from airflow.api_fastapi.core_api.security import requires_access_dag, requires_access_view
    from fastapi import Depends
    from fastapi.responses import HTMLResponse

    task = Depends(requires_access_dag("GET", DagAccessEntity.TASK_INSTANCE))
    clusters = Depends(requires_access_view(AccessView.CLUSTER_ACTIVITY))
    headers = {"Cache-Control": "no-store"}

    @app.get("/jobs", dependencies=[task])
    def jobs(dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> HTMLResponse:
        where = f"{dag_id} / {run_id} / {task_id}" + (f" [{map_index}]" if map_index >= 0 else "")
        copy = f"/mapped/{map_index}" if map_index >= 0 else ""
        task_page = f"../dags/{quote(dag_id)}/runs/{quote(run_id)}/tasks/{quote(task_id)}{copy}"
        found = _task_status(dag_id, run_id, task_id, map_index)
        page = render(where, [found] if found else [], task_page=task_page)
        return HTMLResponse(page, headers=headers)

    @app.get("/clusters", dependencies=[clusters])
    def every_cluster(every: bool = False) -> HTMLResponse:
        return HTMLResponse(render("all clusters", _all_status(every=every)), headers=headers)


def render(where: str, statuses: Sequence[ClusterStatus], *, task_page: str = "") -> str:
    """Return the page.

    Args:
        where: What it is about: a task, or everything.
        statuses: One for each cluster.
        task_page: Where the task's own page with its log is, if it is about one.
    """
    page = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True
    ).get_template("jobs_page.html")
    is_open = any(job.outcome == "open" for status in statuses for job in status.jobs)
    return page.render(
        where=where,
        task_page=task_page,
        statuses=[(status, _groups(status)) for status in statuses],
        refresh=REFRESH if is_open else None,
        now=datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC"),
    )


def _groups(status: ClusterStatus) -> list[tuple[Any, list[Any]]]:
    """Return each job's newest line with those of its earlier attempts, newest first."""
    groups: dict[str, list[Any]] = {}
    for line in status.jobs:
        groups.setdefault(line.key, []).insert(0, line)
    return [(lines[0], lines[1:]) for lines in groups.values()]


def _task_status(dag_id: str, run_id: str, task_id: str, map_index: int) -> ClusterStatus | None:
    """Return how the jobs stand that a task left in its XCom; None if it has asked for none."""
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    with create_session() as session:
        query = XComModel.get_many(
            key=JOBS_KEY, run_id=run_id, dag_ids=dag_id, task_ids=task_id, map_indexes=map_index
        ).with_only_columns(XComModel.value)
        value = session.execute(query).scalar()
    if not value:
        return None
    asked = json.loads(value) if isinstance(value, str) else value
    (found,) = _read([asked["cluster"]], keys=asked["keys"], every=True)
    return found


def _all_status(*, every: bool) -> list[ClusterStatus]:
    from nepsbench.cluster import cluster_names

    return [status for status in _read(cluster_names(), every=every) if status.jobs or status.age]


def _read(
    clusters: Sequence[str], *, keys: Sequence[str] | None = None, every: bool
) -> list[ClusterStatus]:
    from nepsbench.cluster import load_cluster
    from nepsbench.cluster.ledger import open_ledger
    from nepsbench.cluster.overview import read_status
    from nepsbench.home import data_home

    with open_ledger(data_home()) as ledger:
        return [
            read_status(ledger, load_cluster(name), keys=keys, every=every) for name in clusters
        ]
