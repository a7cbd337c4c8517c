"""Airflow for tests: a real scheduler, triggerer and API server in a folder, and a run to watch.

MLflow is left out, which the DAGs allow: they skip what they would write there.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import yaml

from include.platform import environment, processes, services
from include.platform.airflow_api import AirflowApi, TaskState
from include.platform.credentials import USER, ensure_credentials
from include.platform.settings import ROOT, Settings
from nepsbench.campaign.draw import draw_profile
from nepsbench.campaign.form import Campaign, parse_campaign
from nepsbench.campaign.initialize import accept_environment, initialize_job
from nepsbench.campaign.run import run_jobs
from nepsbench.cluster import load_cluster, open_cluster
from nepsbench.cluster.attempt import Attempt, Work
from nepsbench.cluster.install import install
from nepsbench.cluster.ledger import open_ledger
from tests.living import is_running
from tests.waiting import wait_until

#: Jobs of a campaign wait while its folder on the cluster has a file ``hold``, and cannot begin
#: while it has a file ``broken``.
HOLD = """
while [ -n "${NEPSBENCH_STARTED-}" ] && [ -e ../../hold ]; do sleep 0.1; done
[ -z "${NEPSBENCH_STARTED-}" ] || [ ! -e ../../broken ] || { echo no such module >&2; exit 1; }
"""
ENDED = ("success", "failed")
#: Airflow notices sooner than a user's does that a task's process or a triggerer has ended.
QUICK = {
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
}


class Api(AirflowApi):
    """With what these tests need beyond the demo."""

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """Return the runs of a DAG, oldest first."""
        path = f"/api/v2/dags/{dag_id}/dagRuns"
        found: list[dict[str, Any]] = self._send("GET", path, params={"order_by": "id"})["dag_runs"]
        return found

    def task(self, dag_id: str, run_id: str, task_id: str) -> TaskState:
        """Return one task."""
        return next(t for t in self.tasks(dag_id, run_id) if t.task_id == task_id)

    def clear(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Run one task again, as the button in the UI does."""
        body = {"dry_run": False, "only_failed": False, "dag_run_id": run_id, "task_ids": [task_id]}
        self._send("POST", f"/api/v2/dags/{dag_id}/clearTaskInstances", json=body)

    def mark_failed(self, dag_id: str, run_id: str, task_id: str) -> None:
        """End one task, as the button in the UI does."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}"
        self._send("PATCH", path, json={"new_state": "failed"})

    def triggerer(self, dag_id: str, run_id: str, task_id: str) -> int | None:
        """Return the id of the triggerer that a task's trigger is assigned to."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}"
        job = self._send("GET", path)["triggerer_job"]
        return job and int(job["id"])

    def add_connection(self, name: str, values: dict[str, Any]) -> None:
        """Store a connection in Airflow's database."""
        self._send("POST", "/api/v2/connections", json={"connection_id": name, **values})

    def details(self, dag_id: str) -> dict[str, Any]:
        """Return what the UI shows of a DAG."""
        found: dict[str, Any] = self._send("GET", f"/api/v2/dags/{dag_id}/details")
        return found

    def link(self, dag_id: str, run_id: str, task_id: str) -> str:
        """Return where the button on a task's page leads."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/links"
        link: str = self._send("GET", path)["extra_links"]["Cluster jobs"]
        return link

    def page(self, path: str, *, logged_in: bool = True) -> httpx.Response:
        """Return a page as a browser with or without a session gets it."""
        token = self._http.headers["Authorization"].removeprefix("Bearer ")
        cookies = {"_token": token} if logged_in else {}
        url = self._http.base_url.join(path)
        return httpx.get(url, cookies=cookies, trust_env=False, timeout=30)

    def log(self, dag_id: str, run_id: str, task_id: str) -> str:
        """Return the log of a task's last try."""
        task = self.task(dag_id, run_id, task_id)
        return self.log_tail(dag_id, run_id, task=task, lines=1000)


@contextmanager
def airflow_settings(folder: Path, clusters: Mapping[str, Any]) -> Iterator[Settings]:
    """Prepare a platform in ``folder`` that knows these cluster files; it is stopped in the end."""
    (folder / "clusters").mkdir()
    for name, content in clusters.items():
        (folder / f"clusters/{name}.yaml").write_text(yaml.safe_dump(content))
    settings = Settings(
        state=folder / "state",
        home=folder / "home",
        dags=ROOT / "dags",
        clusters=(folder / "clusters",),
        slurm=folder / "slurm",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(services, "NAMES", tuple(n for n in services.NAMES if n != "mlflow"))
        patch.setattr(environment, "_mlflow_variables", lambda *_, **__: {})
        for name, value in (environment.nepsbench_variables(settings) | QUICK).items():
            patch.setenv(name, value)
        yield settings
        services.down(settings, say=lambda _: None)


@contextmanager
def log_in(platform: services.Platform) -> Iterator[Api]:
    """Wait until a platform knows its DAGs; return its API."""
    password = ensure_credentials(platform.settings).airflow_password
    api = Api(platform.airflow_url, username=USER, password=password)
    for path in (ROOT / "dags").glob("*.py"):
        api.wait_for_dag(path.stem)
    yield api
    api.close()


def finish(api: Api, dag_id: str, run_id: str, *, seconds: float = 150) -> str | None:
    """Return how a run ended; ``seconds`` without any change are too many."""
    seen, deadline = None, time.monotonic() + seconds
    while (state := api.run_state(dag_id, run_id)) not in ENDED:
        tasks = [(task.task_id, task.state, task.try_number) for task in api.tasks(dag_id, run_id)]
        if tasks != seen:
            seen, deadline = tasks, time.monotonic() + seconds
        assert time.monotonic() < deadline, f"run is {state}, for {seconds} s no change in {seen}"
        time.sleep(0.3)
    return state


def prepare(settings: Settings, **form: Any) -> Campaign:
    """Draw and initialize a campaign without Airflow, and hold its jobs."""
    campaign = parse_campaign({"streams": 1, "samples": 1, "waves": "1", **form})
    draw_profile(campaign, settings.home)
    with open_cluster(load_cluster(campaign.cluster)) as cluster:
        install(cluster)
        run_jobs(cluster, [initialize_job(campaign, settings.home, cluster)], settings.home)
        accept_environment(campaign, settings.home, cluster)
        Path(cluster.path("campaigns", campaign.name, "hold")).touch()
    return campaign


class Training:
    """A run of ``train_wave`` whose job waits for :meth:`release`."""

    def __init__(
        self,
        api: Api,
        settings: Settings,
        *,
        run_id: str,
        first_stream: int,
        cluster: str = "local",
    ) -> None:
        self.api = api
        self.run_id = run_id
        self.home = settings.home
        campaign = prepare(settings, first_stream=first_stream, cluster=cluster)
        self.campaign = campaign.name
        self.folder = settings.clusters[0].parent / cluster / "campaigns" / campaign.name
        api.trigger("train_wave", run_id, conf={"campaign": campaign.name})
        self.wait_until_deferred(try_number=1)

    @property
    def job(self) -> Path:
        """The job's folder."""
        (found,) = self.folder.glob("jobs/*.w001.*")
        return found

    @property
    def attempts(self) -> list[Attempt]:
        """Every attempt at the job, as the ledger has it."""
        with open_ledger(self.home) as ledger:
            return ledger.attempts([self.job.name])

    @property
    def work(self) -> Work:
        """What the ledger says of the job."""
        with open_ledger(self.home) as ledger:
            return ledger.works([self.job.name])[self.job.name]

    @property
    def job_id(self) -> str:
        """Pid and start of the process of the last attempt."""
        return self.attempts[-1].job_id

    @property
    def submissions(self) -> int:
        """How many jobs came to be on the cluster, counted there."""
        texts = (self.folder / "../../submissions").resolve().glob("*/jobs.sh")
        return sum(self.job.name in text.read_text() for text in texts)

    @property
    def task(self) -> TaskState:
        """The task that waits for the job."""
        return self.api.task("train_wave", self.run_id, "train")

    def wait_until_deferred(self, *, try_number: int) -> None:
        def holds() -> bool:
            task = self.task
            assert task.state not in ENDED, self.log()
            return (task.state, task.try_number) == ("deferred", try_number)

        wait_until(holds, what=self.tell)
        wait_until(lambda: "active" in self.log(), what=self.log)  # the triggerer has it

    def tell(self) -> str:
        """Return the states of the run's tasks, and what the failed ones said."""
        tasks = self.api.tasks("train_wave", self.run_id)
        return "\n".join(
            f"{task.task_id}: {task.state}"
            + (
                "\n" + self.api.log_tail("train_wave", self.run_id, task=task, lines=20)
                if task.state == "failed"
                else ""
            )
            for task in tasks
        )

    @property
    def pid(self) -> int:
        """The process of the last attempt."""
        return int(self.job_id.split("-")[0])

    def runs(self) -> bool:
        """Whether that process lives."""
        return is_running(self.pid)

    def log(self, try_number: int | None = None) -> str:
        """The log of one try, or of the last."""
        task = self.task if try_number is None else replace(self.task, try_number=try_number)
        return self.api.log_tail("train_wave", self.run_id, task=task, lines=1000)

    def release(self) -> None:
        """Let the job train."""
        (self.folder / "hold").unlink()

    def end(self) -> str | None:
        """Return how the run ended."""
        return finish(self.api, "train_wave", self.run_id)


def signal_triggerer(settings: Settings, number: signal.Signals) -> list[psutil.Process]:
    """Send a signal to the triggerer and to the process in which its triggers run."""
    triggerer = processes.recall(settings.running / "airflow-triggerer.json")
    assert triggerer is not None
    parent = psutil.Process(triggerer.pid)
    family = [parent, *parent.children(recursive=True)]
    for process in family:
        process.send_signal(number)
    return family


@contextmanager
def second_triggerer(platform: services.Platform, folder: Path) -> Iterator[None]:
    """Run another triggerer beside the platform's own as long as the block."""
    settings = platform.settings
    process = processes.start(
        services.commands(settings, platform.ports)["airflow-triggerer"],
        environment=services.environment_of(platform),
        log=settings.logs / "second-triggerer.log",
        cwd=folder,
        record=folder / "second.json",
    )
    try:
        yield
    finally:
        processes.stop([process])
