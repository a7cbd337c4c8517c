"""A real SLURM and a real sshd for the tests marked ``slurm``."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from nepsbench.cluster import Cluster, ClusterFile, Job, Resources, load_cluster, open_cluster

SCRIPTS = Path(__file__).parents[2] / "include" / "slurm"
COMMANDS = ("slurmctld", "slurmd", "sbatch", "munged", "sshd")
#: Finished jobs are forgotten soon, so that the tests see outcomes without the queue's help.
MIN_JOB_AGE = "5"
#: SLURM lets a requeued job wait until its old credential has expired, for two minutes unless told.
CREDENTIAL = "AuthInfo=socket={state}/run/munge.socket,cred_expire=10"


def lacking() -> str:
    """Return why the developer cluster cannot run here, or nothing."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    missing = [name for name in COMMANDS if shutil.which(name, path=path) is None]
    if missing:
        return f"not installed: {', '.join(missing)}"
    return "" if os.geteuid() == 0 else "the developer cluster needs root"


def call_script(name: str, state: Path, **variables: str) -> str:
    """Run ``slurm-up.sh`` or ``slurm-down.sh`` on a state folder; return what it printed."""
    environment = os.environ | {"NEPSBENCH_SLURM_STATE": str(state)} | variables
    done = subprocess.run(
        [SCRIPTS / name], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def slurm_state() -> Iterator[Path]:
    """The state folder of a developer cluster that runs as long as the tests."""
    if reason := lacking():
        if os.environ.get("NEPSBENCH_REQUIRE_SLURM") == "1":
            pytest.fail(f"NEPSBENCH_REQUIRE_SLURM is set, but SLURM cannot run: {reason}")
        pytest.skip(reason)
    state = Path(tempfile.mkdtemp(prefix="nb-slurm-"))
    try:
        extra = CREDENTIAL.format(state=state)
        variables = {"MIN_JOB_AGE": MIN_JOB_AGE, "CPUS": "4", "EXTRA_CONF": extra}
        call_script(
            "slurm-up.sh", state, **{f"NEPSBENCH_SLURM_{k}": v for k, v in variables.items()}
        )
        yield state
    finally:
        call_script("slurm-down.sh", state)
        shutil.rmtree(state)


@pytest.fixture(scope="session")
def slurm_file(slurm_state: Path) -> ClusterFile:
    """The developer cluster's file, as the script wrote it."""
    return load_cluster(slurm_state / "clusters" / "dev-slurm.yaml")


@pytest.fixture(scope="session")
def slurm(slurm_file: ClusterFile) -> Iterator[Cluster]:
    """The developer cluster, reached through SSH."""
    with open_cluster(slurm_file) as cluster:
        yield cluster


@pytest.fixture
def make_job(slurm: Cluster) -> Callable[..., Job]:
    """Make a job of small tasks: ``make_job(script, tasks=1, folder="")``."""

    def make(script: str, *, tasks: int = 1, folder: str = "") -> Job:
        key = f"t-{uuid4().hex[:8]}"
        directory = slurm.path("campaigns", "tests", "jobs", folder + key)
        resources = Resources(tasks=tasks, memory_mb=200, time_limit=60)
        return Job(key, directory, ("bash", "-c", script), resources)

    return make


@pytest.fixture(name="call_script")
def _call_script() -> Callable[..., str]:
    return call_script


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Show what SLURM itself wrote, below a test that failed: it may not fail a second time."""
    report = yield
    state = getattr(item, "funcargs", {}).get("slurm_state")
    if report.failed and isinstance(state, Path):
        for log in sorted((state / "log").glob("slurm*.log")):
            last = log.read_text(errors="replace").splitlines()[-80:]
            report.sections.append((log.name, "\n".join(last)))
    return report
