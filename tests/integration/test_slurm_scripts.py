"""``make slurm-up`` and ``make slurm-down``: idempotent, and nothing stays behind."""

import shutil
import tempfile
import time
from pathlib import Path

import pytest

from nepsbench.cluster import Driver, Job, Resources, load_cluster, open_cluster, open_ledger

pytestmark = [pytest.mark.slurm]


def processes_of(state: Path) -> list[str]:
    """Return the command lines and environments that name the state folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            text = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue
        if f"{state}/".encode() in text:
            found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


def test_up_twice_changes_nothing(slurm_state: Path, call_script) -> None:
    pids = {path.name: path.read_text() for path in (slurm_state / "run").glob("*.pid")}
    assert set(pids) == {"munged.pid", "slurmctld.pid", "slurmd.pid", "sshd.pid"}
    assert "up already" in call_script("slurm-up.sh", slurm_state)
    assert pids == {path.name: path.read_text() for path in (slurm_state / "run").glob("*.pid")}


@pytest.mark.usefixtures("slurm_state")
def test_down_ends_daemons_and_running_jobs_and_up_finds_its_ports_again(call_script) -> None:
    state = Path(tempfile.mkdtemp(prefix="nb-slurm-"))
    try:
        call_script("slurm-up.sh", state)
        file = load_cluster(state / "clusters" / "dev-slurm.yaml")
        deaf = ("bash", "-c", "trap '' TERM USR1; while :; do sleep 1; done")
        with open_cluster(file) as cluster, open_ledger(state / "home") as ledger:
            job = Job("deaf", cluster.path("campaigns/c/jobs/deaf"), deaf, Resources(memory_mb=100))
            ledger.want(file.name, [job], "test")
            driver, deadline = Driver(cluster, ledger), time.monotonic() + 30
            while "active" not in driver.tick().counts:
                assert time.monotonic() < deadline, ledger.attempts()
                time.sleep(0.3)
        call_script("slurm-down.sh", state)
        assert processes_of(state) == []
        assert "down" in call_script("slurm-down.sh", state)
        call_script("slurm-up.sh", state)
        assert load_cluster(state / "clusters" / "dev-slurm.yaml") == file
    finally:
        call_script("slurm-down.sh", state)
        shutil.rmtree(state)
