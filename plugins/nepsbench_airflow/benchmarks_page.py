"""The page of benchmarks: every campaign, how far it is, and where to go from it."""

from __future__ import annotations

import os
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from fastapi import FastAPI

    from nepsbench.campaign.board import Standing
    from nepsbench.campaign.board_page import Link

#: DAGs whose runs are a campaign each.
_DAGS = ("regenerate_benchmark", "run_experiment")
#: Runs that are looked through for those of the campaigns, the newest first.
_RUNS = 500
_PATIENCE = 2.0  # seconds for MLflow to tell an experiment's number


def add_benchmarks(app: FastAPI) -> None:
    """Add the page of all campaigns, one for each, and the pages of releases.

    Who may read DAG runs may see them.
    """
    from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
    from airflow.api_fastapi.core_api.security import requires_access_dag
    from fastapi import Depends, HTTPException
    from fastapi.responses import HTMLResponse

    from nepsbench.campaign.board import standing_of, standings
    from nepsbench.campaign.board_page import board_page, campaign_page
    from nepsbench.errors import NepsbenchError
    from nepsbench.home import data_home

    allowed = [Depends(requires_access_dag("GET", DagAccessEntity.RUN))]
    headers = {"Cache-Control": "no-store"}

    @app.get("/benchmarks", dependencies=allowed)
    def every_campaign() -> HTMLResponse:
        runs = campaign_runs()
        found = {each.campaign.name: each for each in standings(data_home())}
        page = board_page([*found.values()], lambda name: _short_links(found[name], runs))
        return HTMLResponse(page, headers=headers)

    @app.get("/benchmarks/{name}", dependencies=allowed)
    def one_campaign(name: str) -> HTMLResponse:
        try:
            standing = standing_of(name, data_home())
        except NepsbenchError as error:
            raise HTTPException(HTTPStatus.NOT_FOUND, str(error)) from None
        page = campaign_page(standing, data_home(), _links(standing, campaign_runs()))
        return HTMLResponse(page, headers=headers)

    @app.get("/releases/{benchmark}/{version}", dependencies=allowed)
    def release(benchmark: str, version: str) -> HTMLResponse:
        from nepsbench.release.page import release_page

        try:
            page = release_page(data_home() / "releases" / benchmark / version)
        except NepsbenchError as error:
            raise HTTPException(HTTPStatus.NOT_FOUND, str(error)) from None
        return HTMLResponse(page, headers=headers)


def campaign_runs() -> dict[str, tuple[str, str]]:
    """Return DAG and run id of each campaign's newest run, by the campaign's name."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    query = select(DagRun.dag_id, DagRun.run_id, DagRun.conf).where(DagRun.dag_id.in_(_DAGS))
    with create_session() as session:
        rows = session.execute(query.order_by(DagRun.id.desc()).limit(_RUNS)).all()
    found: dict[str, tuple[str, str]] = {}
    for dag_id, run_id, conf in rows:
        name = _campaign_of(conf or {})
        if name is not None:
            found.setdefault(name, (dag_id, run_id))
    return found


def _campaign_of(conf: dict[str, Any]) -> str | None:
    """Return the name of the campaign that a run's form asks for, None if it asks for none."""
    from nepsbench.campaign.form import Campaign, parse_campaign
    from nepsbench.errors import SpecError

    try:
        return parse_campaign({k: v for k, v in conf.items() if k in Campaign.model_fields}).name
    except SpecError:
        return None


def _short_links(standing: Standing, runs: dict[str, tuple[str, str]]) -> dict[str, Link]:
    """Return where to go from the campaign's row: its page, its run, its release."""
    from nepsbench.campaign.board_page import Link

    page = Link(f"benchmarks/{quote(standing.campaign.name)}", in_frame=True)
    others = {**_run(standing, runs), **_release(standing)}
    return {"page": page, **{label: Link(address) for label, address in others.items()}}


def _links(standing: Standing, runs: dict[str, tuple[str, str]]) -> dict[str, Link]:
    """Return where to go from the campaign's page."""
    from nepsbench.campaign.board_page import Link

    others = _run(standing, runs, up="../")
    address = mlflow_address(standing.campaign.benchmark)
    others |= {"MLflow runs": address} if address else {}
    others |= _release(standing, up="../")
    links = {label: Link(address) for label, address in others.items()}
    return {"all benchmarks": Link("../benchmarks", in_frame=True), **links}


def _run(standing: Standing, runs: dict[str, tuple[str, str]], *, up: str = "") -> dict[str, str]:
    run = runs.get(standing.campaign.name)
    if run is None:
        return {}
    return {"DAG run": f"{up}../dags/{quote(run[0])}/runs/{quote(run[1])}"}


def _release(standing: Standing, *, up: str = "") -> dict[str, str]:
    if standing.release is None:
        return {}
    campaign = standing.campaign
    return {"release": f"{up}releases/{quote(campaign.benchmark)}/{quote(campaign.release)}"}


def mlflow_address(experiment: str) -> str | None:
    """Return the page of an experiment in MLflow's UI, or MLflow's first page if it has none yet.

    None where no MLflow server is known. ``NEPSBENCH_MLFLOW_URL`` is where browsers reach the
    server, if that is elsewhere than where tasks do.
    """
    import httpx

    server = os.environ.get("MLFLOW_TRACKING_URI", "").rstrip("/")
    if not server.startswith("http"):
        return None
    shown = os.environ.get("NEPSBENCH_MLFLOW_URL", server).rstrip("/")
    user, password = (os.environ.get(f"MLFLOW_TRACKING_{x}", "") for x in ("USERNAME", "PASSWORD"))
    try:
        answer = httpx.get(
            f"{server}/api/2.0/mlflow/experiments/get-by-name",
            params={"experiment_name": experiment},
            auth=(user, password),
            timeout=_PATIENCE,
            trust_env=False,
        )
        number = answer.raise_for_status().json()["experiment"]["experiment_id"]
    except (httpx.HTTPError, KeyError, ValueError):
        return shown
    return f"{shown}/#/experiments/{number}"
