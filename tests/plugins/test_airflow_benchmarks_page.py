"""Links of the page of benchmarks; that it is served is tried on a running platform."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from nepsbench.campaign.board import Standing
from nepsbench.campaign.board_page import Link
from nepsbench.campaign.form import parse_campaign
from nepsbench_airflow.benchmarks_page import (
    _campaign_of,
    _links,
    _short_links,
    mlflow_address,
)

CAMPAIGN = parse_campaign({"streams": 1, "samples": 1})
STANDING = Standing(CAMPAIGN, (), 1, 0, 0, 0, 0.0, None)
RUNS = {CAMPAIGN.name: ("regenerate_benchmark", "manual__2026-01-01T00:00:00+00:00")}


@pytest.fixture
def mlflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """A server that knows one experiment."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = "experiment_name=known" in self.path
            body = json.dumps({"experiment": {"experiment_id": "7"}} if known else {}).encode()
            self.send_response(200 if known else 404)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
    yield SimpleNamespace(url=url)
    server.shutdown()
    server.server_close()


def test_an_experiments_page_is_found_by_its_name(mlflow: SimpleNamespace) -> None:
    assert mlflow_address("known") == f"{mlflow.url}/#/experiments/7"
    assert mlflow_address("other") == mlflow.url


@pytest.mark.usefixtures("mlflow")
def test_browsers_may_reach_mlflow_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEPSBENCH_MLFLOW_URL", "https://mlflow.example/")
    assert mlflow_address("known") == "https://mlflow.example/#/experiments/7"


@pytest.mark.parametrize("server", ["", "sqlite:///runs.db"])
def test_without_a_server_there_is_no_link(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    assert mlflow_address("known") is None


def test_a_run_belongs_to_the_campaign_that_its_form_asks_for() -> None:
    assert _campaign_of({"streams": 1, "samples": 1, "hand_on": True}) == CAMPAIGN.name
    assert _campaign_of({"streams": "many"}) is None


def test_a_campaign_leads_to_its_run_and_its_release(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    found = _short_links(STANDING, RUNS)
    assert found["page"] == Link(f"benchmarks/{CAMPAIGN.name}", in_frame=True)
    run = "regenerate_benchmark/runs/manual__2026-01-01T00%3A00%3A00%2B00%3A00"
    assert found["DAG run"] == Link(f"../dags/{run}")
    assert "release" not in found
    released = Standing(CAMPAIGN, (), 1, 1, 0, 0, 0.1, 0.1, Path("releases/x"))
    links = _links(released, {})
    assert links == {
        "all benchmarks": Link("../benchmarks", in_frame=True),
        "release": Link(f"../releases/{CAMPAIGN.benchmark}/1.0.0"),
    }
