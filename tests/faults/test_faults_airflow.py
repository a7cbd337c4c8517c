"""What a person or Airflow does to a task that waits for a SLURM job: cases 25 to 28."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from include.platform import services
from include.platform.settings import Settings
from nepsbench.cluster.attempt import Outcome
from nepsbench.cluster.ledger import open_ledger
from tests.faults.desk import site_file
from tests.faults.report import Case
from tests.faults.sites import Site
from tests.integration.live_airflow import (
    HOLD,
    Api,
    Training,
    airflow_settings,
    log_in,
    second_triggerer,
    signal_triggerer,
)
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.platform,
    pytest.mark.timeout(900),
    pytest.mark.faults,
]

NewCase = Callable[..., Case]
#: Seconds that a task may wait for its jobs on the cluster ``hasty``.
MAX_WAIT = 15


@pytest.fixture(scope="module")
def settings(_site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """An Airflow that knows the site under two names, one of them without patience."""
    folder = tmp_path_factory.mktemp("airflow")
    limits = {"max_jobs": 1, "cpus_per_node": 1, "memory_mb_per_node": 3500}
    clusters = {"local": {"name": "local", "kind": "local", "root": str(folder / "local")}}
    for name, more in {"patient": {}, "hasty": {"max_wait": MAX_WAIT}}.items():
        file = site_file(
            _site, name=name, root=str(folder / name), connection=None, limits=limits | more
        )
        content = file.model_dump(mode="json", exclude_unset=True)
        clusters[name] = content | {"setup": content["setup"] + HOLD}
    with airflow_settings(folder, clusters) as settings:
        yield settings


@pytest.fixture(scope="module")
def platform(settings: Settings) -> services.Platform:
    return services.up(settings)


@pytest.fixture(scope="module")
def api(platform: services.Platform) -> Iterator[Api]:
    with log_in(platform) as api:
        yield api


class SlurmTraining(Training):
    """A run of ``train_wave`` whose job waits, as a SLURM job, to be released."""

    site: Site

    def runs(self) -> bool:
        """Whether the job lives, as SLURM says."""
        return any(row.startswith(f"{self.job_id}|RUNNING") for row in self.site.queue())

    def story(self) -> str:
        """Return all that a person would ask for."""
        with open_ledger(self.home) as ledger:
            ticks = [tick.line() + " " + tick.problem for tick in ledger.ticks("patient", 5)]
        queue = self.site.queue("%i|%T|%r|%j")
        return "\n".join([self.log(), str(self.work), str(self.attempts), *ticks, *queue])

    def ends(self) -> list[str]:
        """Return how the jobs of this run ended, as SLURM's log says."""
        tokens = {f"nb-{attempt.place.token}" for attempt in self.attempts}
        return [one.state for one in self.site.completions() if one.name in tokens]


@pytest.fixture
def train(api: Api, settings: Settings, site: Site) -> Callable[..., SlurmTraining]:
    def begin(run_id: str, stream: int, cluster: str = "patient") -> SlurmTraining:
        training = SlurmTraining(api, settings, run_id=run_id, first_stream=stream, cluster=cluster)
        training.site = site
        return training

    return begin


def test_fault_25_marking_a_waiting_task_as_failed_cancels_its_job(
    api: Api, train: Callable[..., SlurmTraining], case: NewCase
) -> None:
    line = case(
        25,
        injected="task marked as failed, by the button of the UI, while it waits for a running job",
        expected="the job is cancelled within one sweep",
    )
    training = train("killed", 1)
    assert training.runs()
    begun = time.monotonic()
    api.mark_failed("train_wave", "killed", "train")
    wait_until(lambda: not training.runs(), what=training.story)
    seconds = time.monotonic() - begun
    assert training.end() == "failed"
    wait_until(lambda: training.work.outcome is Outcome.CANCELLED, what=training.story)
    wait_until(training.ends)
    assert len(training.attempts) == 1
    line.saw(f"gone after {seconds:.0f} s; SLURM says {training.ends()[0]}")


def test_fault_26_a_task_cleared_while_it_waits_adopts_its_job(
    api: Api, train: Callable[..., SlurmTraining], case: NewCase
) -> None:
    line = case(
        26,
        injected="task cleared while it waits: its second try begins before the first's on_kill",
        expected="the job is adopted, the late on_kill does nothing",
    )
    training = train("cleared", 2)
    job_id = training.job_id
    api.clear("train_wave", "cleared", "train")
    training.wait_until_deferred(try_number=2)
    wait_until(lambda: "its jobs run on" in training.log(1))
    assert training.runs()
    training.release()
    assert training.end() == "success"
    assert [attempt.job_id for attempt in training.attempts] == [job_id]
    wait_until(training.ends)
    assert training.ends() == ["COMPLETED"]
    assert training.work.owner.endswith("#2")
    line.saw(f"job {job_id} ran on through both tries, 1 job in SLURM's log")


def test_fault_27_a_triggerer_that_was_paused_leaves_the_job_alone(
    api: Api,
    platform: services.Platform,
    tmp_path: Path,
    train: Callable[..., SlurmTraining],
    case: NewCase,
) -> None:
    line = case(
        27,
        injected="SIGSTOP of the triggerer for 60 s, a second one takes over, SIGCONT",
        expected="the job survives, nothing is submitted again",
    )
    training = train("paused", 3)
    job_id, first = training.job_id, api.triggerer("train_wave", "paused", "train")
    begun = time.monotonic()
    signal_triggerer(platform.settings, signal.SIGSTOP)
    try:
        with second_triggerer(platform, tmp_path):
            wait_until(
                lambda: api.triggerer("train_wave", "paused", "train") not in (None, first),
            )
            taken = time.monotonic() - begun
            wait_until(lambda: time.monotonic() - begun >= 60, seconds=61)
            signal_triggerer(platform.settings, signal.SIGCONT)
            wait_until(lambda: "the task is deferred: its jobs run on" in training.log())
            assert training.runs()
            training.release()
            assert training.end() == "success"
    finally:
        signal_triggerer(platform.settings, signal.SIGCONT)
    assert [attempt.job_id for attempt in training.attempts] == [job_id]
    wait_until(training.ends)
    assert training.ends() == ["COMPLETED"]
    line.saw(f"taken over after {taken:.0f} s; the first's on_kill let job {job_id} run on; 1 run")


def test_fault_28_a_wait_that_is_over_cancels_the_job(
    train: Callable[..., SlurmTraining], case: NewCase
) -> None:
    line = case(
        28,
        injected=f"the deferral times out (limits.max_wait: {MAX_WAIT}) while the job runs",
        expected="the job is cancelled, and the task says why",
    )
    training = train("late", 4, cluster="hasty")
    assert training.end() == "failed"
    said = "the jobs did not end within the cluster's limits.max_wait; 1 were"
    assert said in training.log()
    assert training.task.try_number == 1
    assert training.work.outcome is Outcome.CANCELLED
    wait_until(training.ends)
    assert not training.runs()
    line.saw(f"{said} cancelled; SLURM says {training.ends()[0]}")
