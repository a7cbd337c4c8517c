"""How local jobs are stopped, and what is left of them: with real processes."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from nepsbench.cluster import Place

pytestmark = pytest.mark.whole

DEAF = "trap '' TERM USR1; touch deaf; while :; do sleep 0.1; done"


def test_cancel_lets_workers_stop_by_themselves_and_leaves_no_process(visitor, make_job) -> None:
    script = "trap 'echo saved > saved; exit 0' TERM; touch ready; sleep 300 & wait"
    job = make_job("cancel", script, tasks=2)
    visitor.submit("t", job)
    visitor.wait(Path(job.directory, "ready").exists)
    time.sleep(0.3)
    visitor.cancel("t")
    end = visitor.end("t")
    assert (end.exit_code, end.why) == (0, "terminated")
    assert Path(job.directory, "saved").exists()
    visitor.wait(lambda: visitor.is_dead("t"))
    visitor.cancel("t")
    assert visitor.ends("t") == {0: end}


def test_some_jobs_of_a_submission_can_be_cancelled(visitor, make_job) -> None:
    visitor.submit("blocker", make_job("blocker", "sleep 1"))
    jobs = [make_job(f"j{n}", "echo x >> runs") for n in range(3)]
    visitor.submit("t", *jobs)
    visitor.cancel("t", 0, 2)
    for index in (0, 2):
        end = visitor.end("t", index)
        assert (end.exit_code, end.why, end.valid) == (143, "terminated", False)
    assert visitor.end("t", 1).exit_code == 0
    assert [Path(job.directory, "runs").exists() for job in jobs] == [False, True, False]


def test_workers_that_will_not_stop_are_ended_after_a_time_of_grace(
    visitor, make_job, monkeypatch
) -> None:
    monkeypatch.setattr("nepsbench.cluster.processes.CANCEL_GRACE", 1)
    job = make_job("deaf", f"set -m; ({DEAF}) & {DEAF}")
    visitor.submit("t", job)
    visitor.wait(Path(job.directory, "deaf").exists)
    visitor.cancel("t")
    visitor.cancel("t")
    end = visitor.end("t")
    assert end.why == "terminated"
    assert end.exit_code in (137, 143), "by SIGKILL; its own record, or none in time"
    visitor.wait(lambda: visitor.is_dead("t"))


def test_a_killed_job_has_neither_row_nor_end_and_its_workers_stop(
    cluster, visitor, make_job
) -> None:
    job = make_job("killed", "touch ready; exec sleep 300")
    visitor.submit("t", job)
    visitor.wait(Path(job.directory, "ready").exists)
    os.kill(visitor.leader("t"), signal.SIGKILL)
    visitor.wait(lambda: visitor.rows("t") == {})
    assert visitor.ends("t") == {}
    visitor.wait(lambda: visitor.is_dead("t"))
    assert not list(Path(cluster.path("processes")).glob("*/*"))


def test_workers_that_a_killed_job_left_behind_are_ended_by_cancel(
    visitor, make_job, monkeypatch
) -> None:
    monkeypatch.setattr("nepsbench.cluster.processes.CANCEL_GRACE", 1)
    job = make_job("deaf", DEAF)
    visitor.submit("t", job)
    visitor.wait(Path(job.directory, "deaf").exists)
    os.kill(visitor.leader("t"), signal.SIGKILL)
    visitor.wait(lambda: visitor.rows("t") == {})
    assert not visitor.is_dead("t")
    visitor.cancel("t")
    visitor.wait(lambda: visitor.is_dead("t"))


def test_workers_that_a_killed_job_left_behind_are_ended_by_a_new_attempt(
    visitor, make_job, monkeypatch
) -> None:
    monkeypatch.setattr("nepsbench.cluster.processes.CANCEL_GRACE", 1)
    job = make_job("deaf", f"[ -e deaf ] || {{ {DEAF}; }}")
    visitor.submit("first", job)
    visitor.wait(Path(job.directory, "deaf").exists)
    os.kill(visitor.leader("first"), signal.SIGKILL)
    visitor.submit("second", job, supersedes=(Place("first", 0),))
    assert visitor.end("second").exit_code == 0
    assert visitor.is_dead("first")


def test_a_new_attempt_waits_for_the_strays_of_a_killed_one(visitor, make_job) -> None:
    slow_end = "trap 'sleep 1; echo end >> log; exit' TERM; while :; do sleep 0.1; done"
    again = "[ ! -e log ] || { echo again >> log; exit; }"
    job = make_job("strays", f"{again}; echo begin >> log; {slow_end}")
    log = Path(job.directory, "log")
    visitor.submit("first", job)
    visitor.wait(log.exists)
    os.kill(visitor.leader("first"), signal.SIGKILL)
    visitor.wait(lambda: visitor.rows("first") == {})
    visitor.submit("second", job, supersedes=(Place("first", 0),))
    assert visitor.rows("second")[0].reason == "an earlier attempt is still ending"
    assert visitor.end("second").exit_code == 0
    assert log.read_text().split() == ["begin", "end", "again"]


def test_a_process_number_that_was_given_away_again_is_another_process(
    cluster, visitor, make_job
) -> None:
    visitor.submit("t", make_job("j", "true"))
    visitor.end("t")
    with subprocess.Popen(["sleep", "60"]) as other:
        claim = Path(cluster.path("submissions", "t", "claims", "0"))
        claim.write_text(f"{other.pid}-1 0\n")
        (listed,) = Path(cluster.path("processes")).iterdir()
        (listed / f"t.0.{other.pid}-1").write_text("RUNNING||\n")
        assert visitor.rows("t") == {}
        visitor.cancel("t")
        time.sleep(0.3)
        assert not list(listed.iterdir())
        assert other.poll() is None
        other.kill()


def test_at_the_time_limit_workers_are_warned_then_ended(visitor, make_job) -> None:
    warned = make_job("warned", "trap 'exit 0' USR1; sleep 60 & wait", time_limit=2)
    visitor.submit("warned", warned)
    end = visitor.end("warned")
    assert (end.exit_code, end.why) == (0, "")
    visitor.submit("deaf", make_job("deaf", DEAF, time_limit=2))
    end = visitor.end("deaf")
    assert (end.exit_code, end.why) == (137, "timeout")
