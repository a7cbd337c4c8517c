"""Airflow and MLflow really start, really refuse strangers, and leave nothing behind."""

import json
import os
import signal
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from include.platform import services
from include.platform.airflow_api import AirflowApi
from include.platform.credentials import USER, ensure_credentials
from include.platform.errors import PlatformError
from include.platform.health import Health
from include.platform.settings import ROOT, Settings
from tests.living import is_running
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.platform,
    pytest.mark.timeout(900),
]

DAG = """
from airflow.sdk import dag, task

@dag(schedule=None)
def greet():
    @task
    def say(params=None, dag_run=None):
        if dag_run.conf["word"] == "fail":
            raise ValueError("told to fail")
        return dag_run.conf["word"]
    say()

greet()
"""


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    folder = tmp_path_factory.mktemp("platform")
    (folder / "dags").mkdir()
    (folder / "dags/greet.py").write_text(DAG)
    settings = Settings(
        state=folder / "state",
        home=folder / "home",
        dags=folder / "dags",
        clusters=(ROOT / "include/clusters",),
        slurm=folder / "slurm",
    )
    yield settings
    services.down(settings, say=lambda _: None)


@pytest.fixture(scope="module")
def platform(settings: Settings) -> services.Platform:
    return services.up(settings)


@pytest.fixture(scope="module")
def api(platform: services.Platform) -> Iterator[AirflowApi]:
    password = ensure_credentials(platform.settings).airflow_password
    api = AirflowApi(platform.airflow_url, username=USER, password=password)
    yield api
    api.close()


def processes_of(settings: Settings) -> list[psutil.Process]:
    """Every process whose environment names the state folder."""
    found = []
    for process in psutil.process_iter():
        try:
            state = process.environ().get("NEPSBENCH_STATE")
        except psutil.Error:
            continue
        if state == str(settings.state) and is_running(process.pid):
            found.append(process)
    return found


def mlflow_answer(platform: services.Platform, password: str | None) -> int:
    request = urllib.request.Request(
        f"{platform.mlflow_url}/api/2.0/mlflow/experiments/search?max_results=1"
    )
    if password is not None:
        request.add_header(
            "Authorization", f"Basic {b64encode(f'{USER}:{password}'.encode()).decode()}"
        )
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def running(settings: Settings) -> dict[str, int]:
    return {state.name: state.pid for state in services.status(settings) if state.pid}


def wait_for_end(api: AirflowApi, run_id: str) -> str | None:
    wait_until(lambda: api.run_state("greet", run_id) in ("success", "failed"))
    return api.run_state("greet", run_id)


def test_every_service_is_healthy_after_up(platform: services.Platform) -> None:
    states = services.status(platform.settings)
    assert [state.name for state in states] == list(services.NAMES)
    assert {state.health for state in states} == {Health.HEALTHY}


def test_servers_listen_on_the_loopback_address_only(platform: services.Platform) -> None:
    listening = {
        connection.laddr.ip
        for process in processes_of(platform.settings)
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}


def test_both_uis_refuse_a_wrong_password_and_accept_the_stored_one(
    platform: services.Platform, api: AirflowApi
) -> None:
    stored = ensure_credentials(platform.settings).mlflow_password
    assert mlflow_answer(platform, None) == 401
    assert mlflow_answer(platform, "wrong") == 401
    assert mlflow_answer(platform, stored) == 200
    with pytest.raises(PlatformError, match="401"):
        AirflowApi(platform.airflow_url, username=USER, password="wrong")
    assert api.run_state("greet", "none") is None


def test_the_state_folder_is_closed_to_others(platform: services.Platform) -> None:
    assert stat.S_IMODE(platform.settings.state.stat().st_mode) == 0o700


def test_a_second_up_keeps_the_running_services(platform: services.Platform) -> None:
    before = running(platform.settings)
    assert services.up(platform.settings, say=lambda _: None) == platform
    assert running(platform.settings) == before


def test_a_run_is_triggered_followed_and_after_a_failure_cleared(api: AirflowApi) -> None:
    api.wait_for_dag("greet")
    api.trigger("greet", "good", conf={"word": "hello"})
    api.trigger("greet", "bad", conf={"word": "fail"})
    assert wait_for_end(api, "good") == "success"
    assert wait_for_end(api, "bad") == "failed"
    (task,) = api.tasks("greet", "bad")
    assert (task.label, task.state, task.try_number) == ("say", "failed", 1)
    assert "ValueError: told to fail" in api.log_tail("greet", "bad", task=task)
    api.clear_failed("greet", "bad")
    assert wait_for_end(api, "bad") == "failed"
    assert api.tasks("greet", "bad")[0].try_number == 2


def test_a_service_that_was_killed_is_started_again_by_up(platform: services.Platform) -> None:
    before = running(platform.settings)
    os.kill(before["airflow-dag-processor"], signal.SIGKILL)
    wait_until(lambda: "airflow-dag-processor" not in running(platform.settings))
    said: list[str] = []
    services.up(platform.settings, say=said.append)
    after = running(platform.settings)
    assert [line for line in said if line.startswith("starting")] == [
        "starting airflow-dag-processor"
    ]
    assert after.pop("airflow-dag-processor") != before.pop("airflow-dag-processor")
    assert after == before


def test_down_leaves_no_process_and_up_interrupted_neither(
    platform: services.Platform, tmp_path: Path
) -> None:
    services.down(platform.settings, say=lambda _: None)
    assert processes_of(platform.settings) == []
    assert {state.health for state in services.status(platform.settings)} == {Health.STOPPED}

    environment = {
        **os.environ,
        "NEPSBENCH_STATE": str(platform.settings.state),
        "NEPSBENCH_HOME": str(platform.settings.home),
        "NEPSBENCH_DAGS": str(platform.settings.dags),
    }
    environment.pop("PYTHONUNBUFFERED", None)  # without it, too, a file has each line at once
    with (tmp_path / "output").open("w+") as output:
        command = subprocess.Popen(
            [sys.executable, "-m", "include.platform", "up"],
            cwd=ROOT,
            env=environment,
            stdout=output,
        )
        while "starting airflow-triggerer" not in (tmp_path / "output").read_text():
            assert command.poll() is None
        command.send_signal(signal.SIGINT)
        # A shell says 130 of both: of what returned it, and of what the signal itself ended.
        assert command.wait(timeout=60) in (130, -signal.SIGINT)
    assert processes_of(platform.settings) == []


def test_a_service_that_dies_is_named_with_the_end_of_its_log(
    settings: Settings, tmp_path: Path
) -> None:
    broken = replace(settings, state=tmp_path / "state")
    broken.mlflow.mkdir(parents=True)
    (broken.mlflow / "mlflow.db").write_text("this is no database")
    with pytest.raises(PlatformError, match=r"(?s)mlflow ended while starting; see .*database"):
        services.up(broken, say=lambda _: None)
    assert processes_of(broken) == []
    assert json.loads(broken.airflow_passwords.read_text()).keys() == {USER}
