"""A queue that is silent, forgets, or is contradicted: cases 7, 8 and 11 to 14."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nepsbench.cluster.attempt import Attempt, Cause, Outcome
from nepsbench.cluster.check import Verdict, check
from nepsbench.cluster.interface import Job, Phase
from tests.faults.desk import Desk, open_desk
from tests.faults.report import Case
from tests.faults.sites import Site
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.timeout(900),
    pytest.mark.faults,
]

NewCase = Callable[..., Case]
#: A job waits until its folder has this file.
WAIT = "until [ -e go ]; do sleep 0.2; done"


def go(*jobs: Job) -> None:
    for job in jobs:
        Path(job.directory, "go").touch()


def what_is_known(desk: Desk) -> list[Attempt]:
    """Return all attempts; to be the same as long as nothing is heard."""
    return desk.ledger.attempts()


@pytest.mark.parametrize(
    "minutes", [pytest.param(0.15, marks=pytest.mark.fast), 2], ids=["short", "long"]
)
def test_fault_07_a_controller_that_is_down_changes_nothing(
    desk: Desk, case: NewCase, minutes: float
) -> None:
    line = case(
        7,
        injected=f"SIGKILL of slurmctld for {minutes * 60:.0f} s; one job runs, one waits, one "
        "comes to its end meanwhile",
        expected="unhealthy, no state changes; the outcomes as if nothing had been",
    )
    site = desk.site
    ends, runs, waits = desk.job(WAIT), desk.job(WAIT), desk.job(WAIT, cpus_per_task=4)
    desk.want(ends, runs)
    desk.until(lambda: [desk.runs(ends), desk.runs(runs)] if desk.runs(runs) else None)
    desk.until_phase(runs, "active")
    desk.until_phase(ends, "active")
    desk.want(waits)
    desk.until_phase(waits, "queued")
    site.wait_for_state()
    site.kill("slurmctld")
    before = what_is_known(desk)
    deadline, ticks = time.monotonic() + 60 * minutes, []
    while time.monotonic() < deadline:
        ticks.append(desk.tick())
        assert what_is_known(desk) == before
        time.sleep(1)
    assert not any(tick.healthy for tick in ticks)
    assert all(tick.problem for tick in ticks)
    go(ends)
    wait_until(lambda: Path(ends.directory, "manifest").exists())
    site.start("slurmctld")
    site.wait_for_controller()
    go(runs, waits)
    desk.settle()
    desk.require_one_run_each()
    line.saw(f"{len(ticks)} ticks, all unhealthy, no change; then 3 runs, 3 successes")


@pytest.mark.fast
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["SIGTERM", "SIGKILL"])
def test_fault_08_a_restarted_controller_has_the_same_jobs(
    desk: Desk, case: NewCase, number: signal.Signals
) -> None:
    line = case(
        8,
        injected=f"{number.name} of slurmctld and start, a second later: one job runs, one waits",
        expected="ids and comments intact, both jobs succeed",
    )
    runs, waits = desk.job(WAIT), desk.job(WAIT, cpus_per_task=4)
    desk.want(runs)
    desk.until_phase(runs, "active")
    desk.want(waits)
    desk.until_phase(waits, "queued")
    names = desk.site.queue("%i %j %k")
    desk.site.wait_for_state()
    desk.site.kill("slurmctld", number)
    desk.site.start("slurmctld")
    desk.site.wait_for_controller()
    assert desk.site.queue("%i %j %k") == names, desk.site.call("scontrol", "show", "jobs")
    for name in names:
        _, job_name, comment = name.split()
        assert job_name == comment
    go(runs, waits)
    desk.settle()
    desk.require_one_run_each()
    line.saw(f"{names[0].split()[0]} and {names[1].split()[0]} kept; 2 runs")


@pytest.mark.fast
def test_fault_36_a_controller_that_forgets_a_release_is_told_again(
    desk: Desk, case: NewCase
) -> None:
    line = case(
        36,
        injected="SIGKILL of slurmctld when it has written down a held job, not yet its release",
        expected="the job comes back as held, is released again, and runs once",
    )
    site, blocker = desk.site, desk.site.call("sbatch", "--parsable", "-n4", "--wrap=sleep 100")
    job = desk.job()
    with site.sbatch_held("after") as arrived:
        desk.want(job)
        thread = threading.Thread(target=desk.tick)
        thread.start()
        arrived()
        site.wait_for_state()
    thread.join()
    attempt = desk.until_phase(job, "queued")
    (row,) = site.queue("%r", "-j", attempt.job_id)
    assert row != "JobHeldUser"
    site.kill("slurmctld")
    site.start("slurmctld")
    site.wait_for_controller()
    (row,) = site.queue("%r", "-j", attempt.job_id)
    assert row == "JobHeldUser"
    site.call("scancel", blocker)
    desk.settle()
    desk.require_one_run_each()
    line.saw(f"job {attempt.job_id} was held again; 1 run")


def test_fault_37_a_controller_that_forgets_an_end_does_not_undo_it(
    desk: Desk, case: NewCase
) -> None:
    line = case(
        37,
        injected="SIGKILL of slurmctld when a job has ended and it has not yet written that down: "
        "it starts the job again",
        expected="the second run leaves at the gate; the results stay",
    )
    site = desk.site
    job = desk.job(WAIT)
    desk.want(job)
    attempt = desk.until_phase(job, "active")
    site.wait_for_state()
    go(job)
    wait_until(lambda: site.runs_of(attempt.place.token), what=desk.story)
    site.kill("slurmctld")
    proof = Path(job.directory, "manifest").stat().st_mtime_ns
    assert desk.settle() == [Outcome.SUCCEEDED]
    site.start("slurmctld")
    site.wait_for_controller()
    site.wait_for_node()
    desk.until(lambda: not desk.in_queue())
    assert len(desk.runs(job)) == 1
    assert Path(job.directory, "manifest").stat().st_mtime_ns == proof
    assert desk.ledger.works()[job.key].outcome is Outcome.SUCCEEDED
    told = [f"{one.job_id} {one.state}" for one in desk.completions()]
    line.saw(f"SLURM's log: {', '.join(told)}; the command ran once")


def end_unseen(desk: Desk, job: Job) -> Attempt:
    """Let a running job end with nobody looking, until the queue has forgotten it."""
    attempt = desk.until_phase(job, "active")
    wait_until(lambda: desk.runs(job))
    go(job)
    wait_until(lambda: desk.site.has_forgotten(attempt.job_id))
    return attempt


@pytest.mark.fast
def test_fault_11_a_job_that_the_queue_forgot_is_known_by_its_marker(
    desk: Desk, case: NewCase
) -> None:
    line = case(
        11,
        injected="two jobs end, one of them with code 7, and are purged (MinJobAge) before anybody "
        "looks; nobody has a slurmdbd",
        expected="both outcomes from the exit markers",
    )
    good, bad = desk.job(WAIT), desk.job(WAIT + "; [ -e second ] || { touch second; exit 7; }")
    desk.want(good, bad)
    desk.until_phase(bad, "active")
    go(bad)
    end_unseen(desk, good)
    first = desk.attempt(bad)
    assert first is not None
    wait_until(lambda: desk.site.has_forgotten(first.job_id))
    assert desk.settle() == [Outcome.SUCCEEDED] * 2
    assert [a.exit_code for a in desk.attempts(good)] == [0]
    assert [a.exit_code for a in desk.attempts(bad)] == [7, 0]
    assert desk.attempts(bad)[0].cause is Cause.APPLICATION
    line.saw("succeeded with code 0; failed with code 7 and was tried again")


@pytest.mark.fast
def test_fault_12_a_job_without_any_trace_is_lost_and_tried_again(
    desk: Desk, case: NewCase
) -> None:
    line = case(
        12,
        injected="SIGKILL of all processes of a job: no marker; purged before anybody looks",
        expected="lost, never a success; another attempt at once",
    )
    job = desk.job("[ -e second ] || { touch second; sleep 100; }")
    desk.want(job)
    attempt = desk.until_phase(job, "active")
    wait_until(lambda: Path(job.directory, "second").exists())
    desk.site.kill_job(attempt.job_id)
    wait_until(lambda: desk.site.has_forgotten(attempt.job_id))
    begun = time.monotonic()
    assert desk.settle() == [Outcome.SUCCEEDED]
    first, second = desk.attempts(job)
    assert (first.phase, first.cause) == (Phase.LOST, Cause.LOST)
    assert first.job_id != second.job_id
    assert len(desk.runs(job)) == 2
    line.saw(f"lost, then a second job succeeded {time.monotonic() - begun:.0f} s later")


@pytest.mark.fast
def test_fault_13_without_accounting_all_works_and_says_so(desk: Desk, case: NewCase) -> None:
    line = case(
        13,
        injected="a SLURM without slurmdbd: every sacct fails",
        expected="works; the check says degraded",
    )
    assert not desk.site.call("sacct", "-n", check=False)
    desk.want(*desk.many(3))
    desk.settle()
    desk.require_one_run_each()
    facts, _ = desk.ledger.facts(desk.file.name)
    assert not facts.accounting
    (notice,) = [item for item in check(desk.cluster) if item.verdict is Verdict.DEGRADED]
    assert notice.name == "accounting"
    line.saw(f"3 runs; the check says: {notice.detail}")


def lose(desk: Desk, job: Job) -> Attempt:
    """Let a running job end without a marker and without a witness."""
    attempt = desk.until_phase(job, "active")
    wait_until(lambda: desk.runs(job))
    desk.site.kill_job(attempt.job_id)
    wait_until(lambda: desk.site.has_forgotten(attempt.job_id))
    return attempt


def test_fault_14_an_old_account_of_a_reused_id_is_ignored(
    site_with_accounts: Site, tmp_path: Path, case: NewCase
) -> None:
    line = case(
        14,
        injected="real slurmdbd: it knows job 1 as COMPLETED; slurmctld loses its state and gives "
        "the id again, and slurmdbd never hears of it; no marker, purged",
        expected="the row is ignored: lost, tried again",
    )
    site = site_with_accounts
    site.kill("slurmctld")
    site.lose_state()
    old = site.call("sbatch", "--parsable", "--wrap=true")
    wait_until(lambda: f"{old}|COMPLETED" in site.call("sacct", "-nXPo", "jobid,state"))
    site.kill("slurmctld")
    site.lose_state()
    site.wait_for_node()
    site.kill("slurmdbd", signal.SIGTERM)
    with open_desk(site, tmp_path) as desk:
        job = desk.job("[ -e second ] || { touch second; sleep 100; }")
        desk.want(job)
        # Until the database answers again, the site says that it has none.
        first = lose(desk, job)
        assert first.job_id == old
        site.kill("slurmctld")
        site.start("slurmdbd")
        wait_until(lambda: site.call("sacct", "-nX", check=False))
        site.lose_state()
        told = site.call("sacct", "-nXPDo", "jobid,jobname,state", "-j", old)
        assert told == f"{old}|wrap|COMPLETED"
        desk.ledger.set_facts(desk.file.name, desk.ledger.facts(desk.file.name)[0], 0.0)
        assert desk.settle() == [Outcome.SUCCEEDED]
        assert desk.ledger.facts(desk.file.name)[0].accounting
        first, second = desk.attempts(job)
        assert (first.phase, first.cause) == (Phase.LOST, Cause.LOST)
        assert second.phase is Phase.SUCCEEDED
    line.saw(f"sacct said {told!r}; the attempt counted as lost, the next one succeeded")


def test_fault_34_the_database_tells_what_the_queue_forgot(
    site_with_accounts: Site, tmp_path: Path, case: NewCase
) -> None:
    line = case(
        34,
        injected="real slurmdbd; scancel by hand, no marker, purged before anybody looks",
        expected="cancelled, as the database says: not lost, no new attempt",
    )
    site = site_with_accounts
    with open_desk(site, tmp_path) as desk:
        job = desk.job("trap '' TERM; sleep 100")
        desk.want(job)
        attempt = desk.until_phase(job, "active")
        site.call("scancel", attempt.job_id)
        wait_until(lambda: site.has_forgotten(attempt.job_id))
        for marker in Path(desk.cluster.path("submissions")).glob("*/ends/*"):
            marker.unlink()
        assert desk.settle() == [Outcome.FAILED]
        (attempt,) = desk.attempts(job)
        assert (attempt.phase, attempt.cause) == (Phase.CANCELLED, Cause.CANCELLED)
    line.saw("cancelled; 1 attempt")
