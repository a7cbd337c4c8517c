from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pyarrow as pa
import pytest
import requests
from mlflow import MlflowClient
from mlflow.entities import Run

from nepsbench.errors import TrackingError
from nepsbench.tracking import log_surrogate, log_wave
from tests.warehouse.warehouse_results import results

pytestmark = [pytest.mark.timeout(900)]

CAMPAIGN = "p"


@pytest.fixture(scope="session")
def tracking_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real MLflow server, on a free port of the loopback."""
    folder = tmp_path_factory.mktemp("mlflow")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port),
        "--workers", "1", "--backend-store-uri", f"sqlite:///{folder}/mlflow.db",
        "--artifacts-destination", str(folder / "artifacts"),
    ]  # fmt: skip
    environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            command, env=environment, stdout=log, stderr=subprocess.STDOUT, cwd=folder,
            start_new_session=True,
        )  # fmt: skip
    uri = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{uri}/health", server, folder / "log")
        yield uri
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=30)


def _wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (URLError, OSError):
            time.sleep(0.2)
    raise AssertionError(f"the MLflow server did not start:\n{log.read_text()}")


@pytest.fixture
def client(tracking_uri: str) -> MlflowClient:
    return MlflowClient(tracking_uri=tracking_uri)


@pytest.fixture
def experiment(request: pytest.FixtureRequest) -> str:
    """An experiment of its own for each test."""
    return f"nepsbench101-digits {request.node.name}"


def log(
    uri: str, experiment: str, tables: tuple[pa.Table, pa.Table], *, wave: int, **more: int
) -> dict[tuple[int, int], str]:
    trials, epochs = tables
    return log_wave(
        uri,
        experiment=experiment,
        campaign=CAMPAIGN,
        wave_epochs=wave,
        trials=trials,
        epochs=epochs,
        **more,
    )


def runs(client: MlflowClient, experiment: str, kind: str) -> list[Run]:
    place = client.get_experiment_by_name(experiment)
    assert place is not None
    return client.search_runs([place.experiment_id], f"tags.`nepsbench.kind` = '{kind}'")


def steps(client: MlflowClient, run_id: str, metric: str = "valid_acc") -> list[int]:
    return sorted(point.step for point in client.get_metric_history(run_id, metric))


def test_a_trial_is_a_run_under_its_wave_with_metrics_params_and_provenance(
    tracking_uri: str, client: MlflowClient, experiment: str
) -> None:
    found = log(tracking_uri, experiment, results(3, 2, host="node1"), wave=2)

    run = client.get_run(found[0, 2])
    [wave] = runs(client, experiment, "wave")
    assert steps(client, found[0, 2]) == [1, 2]
    assert run.data.metrics["valid_acc"] == 2.25
    assert run.data.metrics["params"] == 0.5
    assert run.data.params["LearningRate"] == "0.002"
    assert run.data.params["seed"] == "1001"
    assert run.data.tags["nepsbench.host"] == "node1"
    assert run.data.tags["mlflow.parentRunId"] == wave.info.run_id
    assert (run.info.status, run.info.run_name) == ("FINISHED", "0-2")
    assert run.info.start_time == 1767225660000
    assert run.info.end_time - run.info.start_time == 20000
    assert wave.data.metrics["trials_complete"] == 3
    assert wave.data.metrics["best_valid_acc"] == 3.25


def test_the_same_wave_twice_makes_no_run_and_no_point_more(
    tracking_uri: str, client: MlflowClient, experiment: str
) -> None:
    first = log(tracking_uri, experiment, results(3, 2), wave=2)
    second = log(tracking_uri, experiment, results(3, 2), wave=2)

    assert first == second
    assert len(runs(client, experiment, "trial")) == 3
    assert len(runs(client, experiment, "wave")) == 1
    assert steps(client, first[0, 1]) == [1, 2]


def test_a_run_that_was_cut_short_is_completed_without_double_points(
    tracking_uri: str, client: MlflowClient, experiment: str
) -> None:
    found = log(tracking_uri, experiment, results(1, 2), wave=2)
    client.delete_tag(found[0, 1], "nepsbench.epochs")

    assert log(tracking_uri, experiment, results(1, 2), wave=2) == found
    assert steps(client, found[0, 1]) == [1, 2]


def test_a_later_wave_continues_the_run_and_takes_it_over(
    tracking_uri: str, client: MlflowClient, experiment: str
) -> None:
    first = log(tracking_uri, experiment, results(2, 2), wave=2)
    later = log(tracking_uri, experiment, results(2, 4), wave=4)
    again = log(tracking_uri, experiment, results(2, 4), wave=2)

    assert first == later == again
    run = client.get_run(first[0, 1])
    waves = {run.data.tags["nepsbench.wave"]: run for run in runs(client, experiment, "wave")}
    assert steps(client, first[0, 1]) == [1, 2, 3, 4]
    assert run.data.tags["nepsbench.waves"] == "2,4"
    assert run.data.tags["mlflow.parentRunId"] == waves["4"].info.run_id
    assert waves["2"].data.metrics["best_valid_acc"] == 2.25
    assert waves["4"].data.metrics["best_valid_acc"] == 2.5


@pytest.mark.parametrize(
    ("status", "expected"),
    [("diverged", "FAILED"), ("failed", "FAILED"), ("oom", "FAILED"), ("timeout", "KILLED"),
     ("running", "RUNNING")],
)  # fmt: skip
def test_the_status_of_a_trial_becomes_the_status_of_its_run(
    tracking_uri: str, client: MlflowClient, experiment: str, status: str, expected: str
) -> None:
    tables = results(1, 1, target=3, status=status, reason="because")

    [run_id] = log(tracking_uri, experiment, tables, wave=3).values()

    run = client.get_run(run_id)
    assert run.info.status == expected
    assert run.data.tags["nepsbench.reason"] == "because"


def test_trials_beyond_the_limit_and_trials_that_never_ran_have_no_run(
    tracking_uri: str, client: MlflowClient, experiment: str
) -> None:
    waiting = results(1, 0, target=0, status="pending")
    assert log(tracking_uri, experiment, waiting, wave=1) == {}

    limited = log(tracking_uri, experiment, results(4, 1), wave=1, limit=2)

    assert sorted(limited) == [(0, 1), (0, 2)]
    assert len(runs(client, experiment, "trial")) == 2


def test_a_trial_costs_as_few_requests_as_mlflow_allows(
    tracking_uri: str, client: MlflowClient, experiment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = []
    send = requests.Session.send

    def counted(self: requests.Session, request: requests.PreparedRequest, **how: Any) -> Any:
        sent.append(request.path_url)
        return send(self, request, **how)

    monkeypatch.setattr(requests.Session, "send", counted)
    found = log(tracking_uri, experiment, results(64, 12), wave=12)
    monkeypatch.undo()

    assert len(found) == 64
    assert steps(client, found[31, 2]) == list(range(1, 13))
    # Made, filled, ended; and MLflow's client reads a run again to say where it can be seen.
    assert len(sent) <= 4 * 64 + 16, Counter(path.partition("?")[0] for path in sent)


def test_a_surrogate_is_logged_and_registered_once(
    tracking_uri: str, client: MlflowClient, tmp_path: Path
) -> None:
    (tmp_path / "valid_acc.cbm").write_bytes(b"model")
    (tmp_path / "card.json").write_text("{}")

    def write() -> tuple[str, str]:
        return log_surrogate(
            tracking_uri,
            experiment="digits",
            release_name="digits-1.0.0",
            scores={"valid_acc": {"r2": 0.9, "tau": 0.8}},
            files=tmp_path,
        )

    first = write()

    assert write() == first
    assert first[1] == "1"
    run = client.get_run(first[0])
    assert run.data.metrics == {"valid_acc.r2": 0.9, "valid_acc.tau": 0.8}
    names = [item.path for item in client.list_artifacts(first[0], "surrogate")]
    assert names == ["surrogate/card.json", "surrogate/valid_acc.cbm"]
    assert client.get_model_version("digits-surrogate", "1").run_id == first[0]


def test_other_files_become_the_next_version(tracking_uri: str, tmp_path: Path) -> None:
    versions = []
    for content in (b"one", b"two"):
        (tmp_path / "model.cbm").write_bytes(content)
        _, version = log_surrogate(
            tracking_uri, experiment="next", release_name="r", scores={}, files=tmp_path
        )
        versions.append(version)

    assert versions == ["1", "2"]


def test_a_server_that_is_not_there_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")

    with pytest.raises(TrackingError, match=r"MLflow at http://127\.0\.0\.1:9") as caught:
        log("http://127.0.0.1:9", "e", results(1, 1), wave=1)

    assert "\n" not in str(caught.value)


def test_a_study_is_a_run_a_search_and_the_same_again_changes_nothing(
    tracking_uri: str, client: MlflowClient, tmp_path: Path
) -> None:
    from nepsbench.release import build_release
    from nepsbench.search.standing import result_of
    from nepsbench.search.study import parse_study
    from nepsbench.search.studying import load_study, run_study
    from nepsbench.tracking.searches import log_study
    from tests.tiny_benchmark import INFO, NAME, plain_tables

    trials, epochs = plain_tables(8)
    build_release(
        name=NAME, version="1.0.0", benchmark_info=INFO, trials=trials, epochs=epochs,
        surrogate=None, card=None, target=tmp_path / "releases",
    )  # fmt: skip
    study = parse_study(
        {"study": "tracked", "benchmark": NAME, "seeds": 2, "budget": {"queries": 5},
         "durations": "train", "optimisers": ["random", "evolution"]}, where="study",
    )  # fmt: skip
    run_study(study, tmp_path)
    result = result_of(*load_study("tracked", tmp_path))

    assert log_study(tracking_uri, result) == 4
    assert log_study(tracking_uri, result) == 4

    place = client.get_experiment_by_name("search tracked")
    assert place is not None
    found = client.search_runs([place.experiment_id])
    assert len(found) == 4
    [run] = [r for r in found if r.info.run_name == "evolution 1"]
    assert steps(client, run.info.run_id, "found") == [1, 2, 3, 4, 5]
    assert run.data.metrics["found"] == result.found["evolution"][1].value[-1]
    assert run.data.params["optimiser"] == "evolution"
