"""Jobs that end badly, in each way that there is: cases 18 to 24 and 31."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nepsbench.cluster.attempt import Cause, Outcome
from nepsbench.cluster.interface import Job, Phase
from tests.faults.desk import BEGIN, END, Desk, open_desk
from tests.faults.report import Case
from tests.faults.sites import Site
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.timeout(900),
    pytest.mark.faults,
]

NewCase = Callable[..., Case]
#: Takes so many MB and keeps them for a moment; touched, so that they are really there.
TAKE = "python3 -c \"import time; kept = b'x' * ({mb} << 20); time.sleep({seconds})\""


@pytest.mark.fast
def test_fault_18_only_the_failed_index_runs_again(desk: Desk, case: NewCase) -> None:
    line = case(
        18,
        injected="an array of 10 of which one exits with code 7, the first time",
        expected="nine kept, one tried again",
    )
    bad = "[ -e second ] || { touch second; exit 7; }"
    jobs = [desk.job(bad if index == 6 else "") for index in range(10)]
    desk.want(*jobs)
    assert desk.settle() == [Outcome.SUCCEEDED] * 10
    assert [len(desk.runs(job)) for job in jobs] == [1] * 6 + [2] + [1] * 3
    first, second = desk.attempts(jobs[6])
    assert (first.exit_code, first.cause) == (7, Cause.APPLICATION)
    assert len(desk.tokens()) == 2
    assert len([a for a in desk.ledger.attempts() if a.place.token == second.place.token]) == 1
    line.saw("10 + 1 runs; the second submission held 1 job")


@pytest.mark.fast
@pytest.mark.parametrize("index", [5, 10], ids=["next", "last"])
def test_fault_19_an_index_that_was_cancelled_by_hand_stays_so(
    desk: Desk, case: NewCase, index: int
) -> None:
    line = case(
        19,
        injected=f"scancel by hand of the waiting index {index} of an array of 11 on 4 CPUs",
        expected="that one is cancelled and not tried again, its siblings are unaffected",
    )
    jobs = desk.many(11, "sleep 1")
    desk.want(*jobs)
    first = desk.until_phase(jobs[0], "active")
    desk.site.call("scancel", f"{first.job_id}_{index}")
    desk.settle()
    works = desk.ledger.works([job.key for job in jobs])
    (victim,) = [j for j in jobs if desk.attempts(j)[0].place.index == index]
    assert works[victim.key].outcome is Outcome.FAILED, desk.story()
    (attempt,) = desk.attempts(victim)
    assert attempt.cause is Cause.CANCELLED
    assert not desk.runs(victim)
    desk.require_one_run_each(*(job for job in jobs if job is not victim))
    line.saw(f"{works[victim.key].why}; 10 runs")


def test_fault_20_a_job_at_its_time_limit_goes_on_with_twice_the_time(
    desk: Desk, case: NewCase
) -> None:
    line = case(
        20,
        injected="a limit of 60 s on a job that writes a checkpoint when it is warned, and goes on",
        expected="ended at the limit, twice the time, goes on from the checkpoint",
    )
    checkpoint = "echo 5 > checkpoint; echo '# progress 5' > manifest"
    deaf = f"trap '{checkpoint}' USR1; while :; do sleep 0.5; done"
    job = desk.job(f"[ -e checkpoint ] || {{ {deaf}; }}", time_limit=60)
    desk.want(job)
    assert desk.settle() == [Outcome.SUCCEEDED]
    first, second = desk.attempts(job)
    assert (first.phase, first.cause) == (Phase.TIMEOUT, Cause.TIMEOUT)
    assert (first.resources.time_limit, second.resources.time_limit) == (60, 120)
    assert second.exit_code == 0
    line.saw(f"{first.native or 'TIMEOUT'} after 60 s, then 120 s asked for: it went on, success")


@pytest.mark.fast
def test_fault_21_a_job_over_its_memory_asks_for_half_as_much_again(
    desk: Desk, case: NewCase
) -> None:
    line = case(
        21,
        injected="a job of 200 MB that takes 240 MB, where SLURM kills for it",
        expected="out of memory, half as much again, success",
    )
    job = desk.job(TAKE.format(mb=230, seconds=5), memory_mb=200)
    desk.want(job)
    assert desk.settle() == [Outcome.SUCCEEDED], desk.story()
    first, second = desk.attempts(job)
    assert (first.phase, first.cause) == (Phase.OUT_OF_MEMORY, Cause.MEMORY), desk.story()
    assert (first.resources.memory_mb, second.resources.memory_mb) == (200, 300)
    line.saw(f"{first.native or 'killed'}, {first.said!r}; 300 MB were enough")


@pytest.mark.fast
def test_fault_22_a_job_whose_child_ran_out_of_memory_is_no_success(
    desk: Desk, case: NewCase
) -> None:
    line = case(
        22,
        injected="a child that dies of too little memory (ulimit -v); its parent exits with 0, no "
        "result",
        expected="failed",
    )
    child = "(ulimit -v 300000; python3 -c \"b'x' * (900 << 20)\")"
    job = desk.job(script=f"{BEGIN}{child}; exit 0")
    desk.want(job)
    assert desk.settle() == [Outcome.FAILED]
    attempts = desk.attempts(job)
    assert all(a.phase is not Phase.SUCCEEDED and a.exit_code == 0 for a in attempts)
    assert {a.cause for a in attempts} == {Cause.MEMORY}
    line.saw(
        f"{len(attempts)} attempts, up to {attempts[-1].resources.memory_mb} MB, all of them "
        f"{attempts[-1].phase.value} with exit code 0"
    )


@pytest.mark.fast
def test_fault_22_a_result_that_is_not_as_its_manifest_says_is_no_success(
    desk: Desk, case: NewCase
) -> None:
    line = case(
        22,
        injected="exit code 0 and a manifest, and a result that was cut afterwards",
        expected="failed",
    )
    job = desk.job(script=f"{BEGIN}{END}; : > result; exit 0")
    desk.want(job)
    assert desk.settle() == [Outcome.FAILED]
    assert all(a.phase is Phase.FAILED for a in desk.attempts(job))
    line.saw(desk.ledger.works()[job.key].why)


def restarts_of(site: Site, job_id: str) -> str:
    """Return how often SLURM has requeued a job."""
    for word in site.call("scontrol", "show", "job", job_id, check=False).split():
        if word.startswith("Restarts="):
            return word.partition("=")[2]
    return ""


@pytest.mark.parametrize(
    ("partition", "grace"), [("low", 3), pytest.param("short", 0, marks=pytest.mark.fast)]
)
def test_fault_23_a_preempted_job_comes_back_and_goes_on(
    make_desk: Callable[..., Desk], case: NewCase, partition: str, grace: int
) -> None:
    line = case(
        23,
        injected="a job of the partition high takes all CPUs from under a running one "
        f"(GraceTime={grace})",
        expected="same id, Restarts=1, goes on from its checkpoint; no new attempt",
    )
    desk = make_desk(partition=partition)
    job = desk.job("[ -e checkpoint ] || { touch checkpoint; sleep 100; }")
    desk.want(job)
    attempt = desk.until_phase(job, "active")
    wait_until(lambda: Path(job.directory, "checkpoint").exists())
    desk.site.call("sbatch", "-p", "high", "-n", "4", "--mem=100", "--wrap=sleep 3")
    desk.until(lambda: desk.runs(job)[1:])
    assert restarts_of(desk.site, attempt.job_id) == "1"
    assert desk.settle() == [Outcome.SUCCEEDED]
    (attempt,) = desk.attempts(job)
    assert desk.runs(job) == [attempt.job_id] * 2
    line.saw(f"job {attempt.job_id} ran twice, Restarts=1, 1 attempt")


def test_fault_24_a_dead_node_is_no_failure_of_the_job(
    make_desk: Callable[..., Desk], case: NewCase
) -> None:
    line = case(
        24,
        injected="SIGKILL of slurmd and of all that runs on the node; requeue: false",
        expected="node failure, another attempt that goes on",
    )
    desk = make_desk(requeue=False)
    job = desk.job("[ -e checkpoint ] || { touch checkpoint; sleep 300; }")
    desk.want(job)
    desk.until_phase(job, "active")
    wait_until(lambda: Path(job.directory, "checkpoint").exists())
    desk.site.node_dies()
    desk.until(lambda: not desk.attempts(job)[0].is_open)
    first = desk.attempts(job)[0]
    assert (first.phase, first.cause) == (Phase.NODE_FAILURE, Cause.NODE)
    desk.site.start("slurmd")
    desk.site.wait_for_node()
    assert desk.settle() == [Outcome.SUCCEEDED]
    assert len(desk.attempts(job)) == len(desk.runs(job)) == 2
    line.saw(f"{first.native}, then a second job went on")


def test_fault_24_a_requeued_job_is_waited_for(desk: Desk, case: NewCase) -> None:
    line = case(
        24,
        injected="SIGKILL of slurmd and of all that runs on the node; --requeue",
        expected="waits as PENDING under the same id, goes on when the node is back",
    )
    job = desk.job("[ -e checkpoint ] || { touch checkpoint; sleep 300; }")
    desk.want(job)
    first = desk.until_phase(job, "active")
    wait_until(lambda: Path(job.directory, "checkpoint").exists())
    desk.site.node_dies()
    back = desk.until_phase(job, "queued", seconds=150)
    assert back.native == "PENDING"
    desk.site.start("slurmd")
    desk.site.wait_for_node()
    assert desk.settle() == [Outcome.SUCCEEDED]
    assert len(desk.attempts(job)) == 1
    assert desk.runs(job) == [first.job_id] * 2
    line.saw(f"{back.native} ({back.reason}), then job {first.job_id} ran again; 1 attempt")


@pytest.fixture
def small_disk(site: Site) -> Iterator[Path]:
    """A file system of one megabyte."""
    folder = site.state / "small"
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@contextlib.contextmanager
def full(disk: Path) -> Iterator[None]:
    """Fill a disk to its last byte as long as the block."""
    fill(disk)
    try:
        yield
    finally:
        (disk / "filler").unlink()


def fill(disk: Path) -> None:
    with (disk / "filler").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"x" * 512):
            pass


@pytest.mark.fast
def test_fault_31_a_job_that_cannot_write_its_marker_is_no_success(
    site: Site, tmp_path: Path, small_disk: Path, case: NewCase
) -> None:
    line = case(
        31,
        injected="the job's last act fills the file system; then it exits with code 0, its results "
        "whole on another one",
        expected="failed, never a success; a success once there is room",
    )
    with open_desk(site, tmp_path, root=str(small_disk)) as desk:
        job = desk.job()
        elsewhere = site.state / "work" / job.key
        elsewhere.mkdir(parents=True)
        fill_up = f"[ -e second ] || {{ touch second; cat /dev/zero > {small_disk}/filler; }}"
        job = Job(
            job.key, str(elsewhere), ("bash", "-c", BEGIN + END[1:] + f"; {fill_up}; exit 0"),
            job.resources, job.manifests,
        )  # fmt: skip
        desk.want(job)
        desk.until(lambda: not desk.attempts(job)[0].is_open if desk.attempts(job) else False)
        first = desk.attempts(job)[0]
        assert first.phase is not Phase.SUCCEEDED
        assert desk.ledger.works()[job.key].outcome is Outcome.OPEN
        (small_disk / "filler").unlink()
        assert desk.settle() == [Outcome.SUCCEEDED]
        second = desk.attempts(job)[-1]
        assert len(desk.runs(job)) == 2
    line.saw(
        f"{first.phase.value} ({first.native}); with room, attempt {second.generation} succeeded"
    )


@pytest.mark.fast
def test_fault_35_a_disk_that_is_full_at_submission_is_waited_for(
    site: Site, tmp_path: Path, small_disk: Path, case: NewCase
) -> None:
    line = case(
        35,
        injected="the file system of the cluster's root is full when a job is submitted",
        expected="nothing runs until there is room, then once",
    )
    with open_desk(site, tmp_path, root=str(small_disk)) as desk:
        job = desk.job()
        desk.want(job)
        with full(small_disk):
            for _ in range(5):
                tick = desk.tick()
            assert not desk.site.queue("%i|%T|%j", "-t", "running")
        assert desk.settle() == [Outcome.SUCCEEDED]
        assert len(desk.runs(job)) == 1
    line.saw(f"{tick.problem or 'waited'}; with room, 1 run")
