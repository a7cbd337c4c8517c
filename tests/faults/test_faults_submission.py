"""A submission whose answer does not come, comes late, or is no: cases 1 to 6, 15 to 17 and 32."""

from __future__ import annotations

import contextlib
import signal
import stat
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from nepsbench.cluster import open_cluster
from nepsbench.cluster.attempt import Cause, Outcome
from nepsbench.cluster.conversation import Orders, Receipt, Submission, Verdict
from nepsbench.cluster.interface import Phase
from tests.faults.desk import Desk, open_desk
from tests.faults.lone_driver import lone_driver
from tests.faults.report import Case
from tests.faults.sites import Site
from tests.integration.cutting_proxy import cutting_proxy
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.timeout(900),
    pytest.mark.faults,
]

SHIM = Path(__file__).parent / "shims"
NewCase = Callable[..., Case]


@pytest.fixture
def ticking(desk: Desk):
    """Do one tick beside the test; returns the thread."""

    def begin(desk: Desk = desk) -> threading.Thread:
        thread = threading.Thread(target=desk.tick)
        thread.start()
        return thread

    return begin


@pytest.mark.parametrize(
    "hold", [pytest.param(True, marks=pytest.mark.fast), False], ids=["held", "not-held"]
)
def test_fault_01_a_submission_that_timed_out_is_adopted(
    make_desk: Callable[..., Desk], case: NewCase, ticking, hold: bool
) -> None:
    line = case(
        1,
        injected="SIGSTOP of slurmctld while sbatch runs, SIGCONT after sbatch has given up"
        + ("" if hold else "; at a site that forbids held jobs"),
        expected="one job, adopted by its name",
    )
    desk = make_desk(hold=hold)
    job = desk.job()
    desk.want(job)
    with desk.site.sbatch_held("before") as arrived:
        thread = ticking(desk)
        arrived()
        desk.site.send("slurmctld", signal.SIGSTOP)
    thread.join()
    (tick,) = desk.ledger.ticks(desk.file.name)
    sent = desk.attempt(job)
    assert sent is not None
    assert (sent.phase, sent.job_id) == (Phase.SENT, "")
    desk.site.send("slurmctld", signal.SIGCONT)
    desk.settle()
    desk.require_adoption()
    line.saw(f"sbatch timed out in a visit of {tick.seconds:.0f} s; 1 token, 1 job, 1 run")


@pytest.mark.fast
def test_fault_01_nothing_is_submitted_to_a_queue_that_is_silent(desk: Desk, case: NewCase) -> None:
    line = case(
        1,
        injected="SIGSTOP of slurmctld before the visit begins, SIGCONT after it",
        expected="nothing submitted in that visit; then one job",
    )
    job = desk.job()
    desk.want(job)
    with desk.site.paused("slurmctld"):
        tick = desk.tick()
    assert not tick.healthy
    assert not desk.ledger.attempts()
    desk.settle()
    desk.require_one_run_each()
    line.saw(f"{tick.problem}; then 1 run")


@pytest.mark.fast
def test_fault_02_a_job_whose_sbatch_was_killed_is_adopted(
    desk: Desk, case: NewCase, ticking
) -> None:
    line = case(
        2,
        injected="SIGSTOP of slurmctld, SIGKILL of sbatch in the middle of its RPC, SIGCONT",
        expected="one job, adopted by its name",
    )
    job = desk.job()
    desk.want(job)
    with desk.site.sbatch_held("before") as arrived:
        thread = ticking()
        arrived()
        desk.site.send("slurmctld", signal.SIGSTOP)
        (sbatch,) = desk.site.processes("sbatch")
    wait_until(lambda: has_asked(sbatch))
    sbatch.kill()
    desk.site.send("slurmctld", signal.SIGCONT)
    thread.join()
    desk.settle()
    desk.require_adoption()
    line.saw("1 token, 1 job, 1 run")


def has_asked(sbatch: psutil.Process) -> bool:
    """Return whether sbatch has a connection to the controller."""
    return any(c.status == psutil.CONN_ESTABLISHED for c in sbatch.net_connections("tcp"))


@pytest.mark.fast
def test_fault_03_a_job_whose_id_was_never_written_down_is_adopted(
    desk: Desk, make_desk: Callable[..., Desk], case: NewCase, ticking
) -> None:
    line = case(
        3,
        injected="connection cut, and the remote script killed, when sbatch has made the job and "
        "not yet told its id",
        expected="one job, adopted by its name",
    )
    assert desk.file.ssh is not None
    with cutting_proxy(desk.file.ssh.port) as proxy:
        known = proxied_known_hosts(desk, proxy.port)
        desk = make_desk(ssh={"port": proxy.port, "known_hosts": str(known)})
        desk.want(desk.job())
        with desk.site.sbatch_held("after") as arrived:
            thread = ticking(desk)
            arrived()
            (sbatch,) = desk.site.processes("sbatch")
            proxy.cut_now()
            for process in [*sbatch.parents(), sbatch]:
                # Some end by themselves with their parents.
                with contextlib.suppress(psutil.NoSuchProcess):
                    if process.name() in ("bash", "timeout", "sbatch"):
                        process.kill()
            thread.join()
        assert len(desk.in_queue()) == 1
        folder = Path(desk.cluster.path("submissions", desk.tokens()[0]))
        assert not (folder / "id").exists()
        desk.settle()
        desk.require_adoption()
    line.saw("the job was held and nowhere recorded; 1 token, 1 job, 1 run")


@pytest.mark.fast
def test_fault_03_a_lost_answer_is_no_lost_job(
    desk: Desk, make_desk: Callable[..., Desk], case: NewCase, ticking
) -> None:
    line = case(
        3,
        injected="connection cut while sbatch runs; the remote script goes on alone",
        expected="one job, adopted by the id that the script wrote down",
    )
    assert desk.file.ssh is not None
    with cutting_proxy(desk.file.ssh.port) as proxy:
        known = proxied_known_hosts(desk, proxy.port)
        desk = make_desk(ssh={"port": proxy.port, "known_hosts": str(known)})
        desk.want(desk.job())
        with desk.site.sbatch_held("before") as arrived:
            thread = ticking(desk)
            arrived()
            proxy.cut_now()
            thread.join()
        (sent,) = desk.ledger.attempts()
        assert (sent.phase, sent.job_id) == (Phase.SENT, "")
        desk.settle()
        desk.require_adoption()
    line.saw("1 token, 1 job, 1 run")


@pytest.mark.fast
def test_fault_04_a_job_whose_driver_was_killed_is_adopted_by_the_next(
    desk: Desk, case: NewCase
) -> None:
    line = case(
        4,
        injected="SIGKILL of the process that submits, while sbatch runs",
        expected="the next process adopts the job",
    )
    job = desk.job()
    desk.want(job)
    with desk.site.sbatch_held("before") as arrived, lone_driver(desk) as driver:
        arrived()
        driver.kill()
        driver.wait()
    sent = desk.attempt(job)
    assert sent is not None
    assert (sent.phase, sent.job_id) == (Phase.SENT, "")
    desk.settle()
    desk.require_adoption()
    line.saw("the ledger held the intent and no job id; 1 token, 1 job, 1 run")


@pytest.mark.fast
def test_fault_05_two_drivers_of_one_ledger_make_one_job_each(desk: Desk, case: NewCase) -> None:
    line = case(
        5,
        injected="three processes drive the same ledger at once",
        expected="one job for each that is wanted; one process leads",
    )
    desk.want(*desk.many(6))
    with lone_driver(desk), lone_driver(desk):
        desk.settle()
    desk.require_one_run_each()
    line.saw(f"6 jobs wanted, {len(desk.tokens())} token, 6 runs")


@pytest.mark.fast
def test_fault_05_one_token_submitted_four_times_at_once_is_one_job(
    desk: Desk, case: NewCase
) -> None:
    line = case(
        5,
        injected="one token submitted over four connections at once, past every lease; the first "
        "sbatch is slow",
        expected="one job, and the same id for all four",
    )
    job = desk.job("sleep 1")
    token = f"{desk.ledger.home_id}-{'0' * 12}"

    def submit(_: int) -> Receipt:
        with open_cluster(desk.file) as cluster:
            answer = cluster.visit(Orders(submit=(Submission(token, (job,)),)))
            assert answer is not None
            return answer.receipts[token]

    with ThreadPoolExecutor(4) as pool:
        with desk.site.sbatch_held("before") as arrived:
            visits = [pool.submit(submit, number) for number in range(4)]
            arrived()
            # Those that find it in hand do not wait for long.
            wait_until(lambda: sum(visit.done() for visit in visits) == 3)
        receipts = [visit.result() for visit in visits]
    ids = {r.job_id for r in receipts if r.verdict is Verdict.ACCEPTED}
    assert len(ids) == 1, receipts
    wait_until(lambda: desk.site.runs_of(token))
    wait_until(lambda: not desk.in_queue())
    assert len(desk.completions()) == 1
    assert len(desk.runs(job)) == 1
    verdicts = sorted(receipt.verdict.value for receipt in receipts)
    line.saw(f"receipts {', '.join(verdicts)}; 1 job, 1 run")


def second_submission(desk: Desk, token: str, *options: str) -> str:
    """Submit a token's own script once more, behind everybody's back; return the job id."""
    script = desk.cluster.path("submissions", token, "job.sh")
    return desk.site.call(
        "sbatch", "--parsable", f"--job-name=nb-{token}", "--time=2", "--mem-per-cpu=100",
        *options, script,
    )  # fmt: skip


@pytest.mark.fast
def test_fault_06_a_held_duplicate_is_cancelled_and_never_runs(desk: Desk, case: NewCase) -> None:
    line = case(
        6,
        injected="a second job of the same token, held, by sbatch itself",
        expected="cancelled by the sweep, never runs",
    )
    job = desk.job("sleep 3")
    desk.want(job)
    first = desk.until_phase(job, "active", "queued")
    second = second_submission(desk, first.place.token, "--hold")
    desk.settle()
    desk.until(lambda: not desk.in_queue())
    (ended,) = [one for one in desk.completions() if one.job_id == second]
    assert (ended.state, ended.started) == ("CANCELLED", False)
    desk.require_one_run_each()
    line.saw("cancelled before it began; 1 run")


@pytest.mark.fast
def test_fault_06_a_duplicate_that_does_start_leaves_at_the_gate(desk: Desk, case: NewCase) -> None:
    line = case(
        6,
        injected="a second job of the same token, released: it starts beside the first",
        expected="it leaves without a trace; the first is undisturbed",
    )
    job = desk.job("sleep 4")
    desk.want(job)
    first = desk.until_phase(job, "active")
    second = second_submission(desk, first.place.token)
    wait_until(lambda: any(one.job_id == second for one in desk.completions()), what=desk.story)
    desk.settle()
    assert desk.runs(job) == [first.job_id]
    attempt = desk.attempt(job)
    assert attempt is not None
    assert (attempt.phase, attempt.job_id) == (Phase.SUCCEEDED, first.job_id)
    line.saw("it started, found the place taken and ended; the command ran once")


@pytest.mark.fast
def test_fault_15_arrays_stay_below_the_largest_index(desk: Desk, case: NewCase) -> None:
    line = case(
        15,
        injected="MaxArraySize 11, which allows the indices 0 to 10; 25 equal jobs",
        expected="chunks of 11 at most, nothing refused",
    )
    facts, _ = desk.ledger.facts(desk.file.name)
    assert facts.max_array_size is None
    desk.want(*desk.many(25))
    desk.settle()
    desk.require_one_run_each()
    sizes = [sum(a.place.token == token for a in desk.ledger.attempts()) for token in desk.tokens()]
    assert len(sizes) == 3
    assert max(sizes) <= 11
    line.saw(f"{len(sizes)} arrays of {', '.join(map(str, sorted(sizes)))} jobs, 25 runs")


@pytest.mark.fast
def test_fault_16_a_full_queue_is_waited_for(desk: Desk, case: NewCase) -> None:
    line = case(
        16,
        injected="MaxJobCount 12, and 12 held jobs of somebody else",
        expected="waits while it is full, then submits once",
    )
    site = desk.site
    others = [site.call("sbatch", "--parsable", "--hold", "--wrap=true") for _ in range(12)]
    site.restart_controller(MaxJobCount="12")
    try:
        jobs = desk.many(3)
        desk.want(*jobs)
        tick = desk.tick()
        assert tick.submitted == 0
        assert not [a for a in desk.ledger.attempts() if not a.is_open]
        site.call("scancel", *others)
        assert desk.settle() == [Outcome.SUCCEEDED] * 3
        desk.require_one_run_each()
    finally:
        site.restart_controller()
    line.saw(f"waited ({tick.seconds:.0f} s in sbatch's own retries), then 3 jobs, 3 runs")


@pytest.mark.fast
def test_fault_17_an_invalid_partition_fails_at_once(
    make_desk: Callable[..., Desk], case: NewCase
) -> None:
    line = case(
        17,
        injected="a cluster file that names a partition which there is not",
        expected="permanent failure in SLURM's own words, no retry",
    )
    desk = make_desk(partition="nowhere")
    jobs = desk.many(2)
    desk.want(*jobs)
    assert desk.settle() == [Outcome.FAILED] * 2
    for job in jobs:
        (attempt,) = desk.attempts(job)
        assert (attempt.phase, attempt.cause) == (Phase.REFUSED, Cause.REFUSED)
        why = desk.ledger.works([job.key])[job.key].why
        assert "invalid partition" in why.lower()
    assert not desk.completions()
    line.saw(f"failed after 1 attempt: {why}")


@pytest.mark.fast
def test_fault_32_a_cluster_behind_a_name_is_always_named(
    site: Site, make_desk: Callable[..., Desk], tmp_path: Path, case: NewCase
) -> None:
    line = case(
        32,
        injected="sbatch on the PATH that answers <id>;<cluster>; the other commands of SLURM know "
        "nothing without -M",
        expected="-M in every call",
    )
    log = tmp_path / "calls"
    setup = f"export NB_SHIM_LOG={log} PATH={SHIM}:$PATH"
    for shim in SHIM.iterdir():
        assert shim.stat().st_mode & stat.S_IXUSR
    desk = make_desk(setup=f"{setup}\nexport SLURM_CONF={site.conf}")
    quick, slow = desk.job(), desk.job("sleep 600")
    desk.want(quick, slow)
    assert desk.until_phase(slow, "active").job_id.endswith(";far")
    desk.settle(quick)
    desk.ledger.unwant([slow.key], "test")
    assert desk.settle() == [Outcome.SUCCEEDED, Outcome.CANCELLED]
    desk.until(lambda: not desk.in_queue())
    calls = [call.split() for call in log.read_text().splitlines()]
    named = {call[0] for call in calls if "-M" in call or "--clusters=far" in call}
    assert {"squeue", "scancel", "scontrol"} <= named
    # Before the first id there is no name to give.
    first = next(place for place, call in enumerate(calls) if call[0] == "sbatch")
    # A job asks about itself (-j) where it runs: there its own cluster is the default.
    ours = [call for call in calls[first:] if "-j" not in call]
    asked = [call for call in ours if call[0] in ("squeue", "scancel", "scontrol")]
    assert not [call for call in asked if "-M" not in call and "config" not in call]
    line.saw(f"{len(calls)} calls; the id was kept as {desk.attempts(slow)[0].job_id}")


@pytest.mark.fast
def test_fault_32_a_cluster_of_a_real_database_is_named(
    site_with_accounts: Site, tmp_path: Path, case: NewCase
) -> None:
    line = case(
        32,
        injected="no shim: a real slurmdbd, and slurm_cluster in the cluster file",
        expected="submitted, seen and cancelled with -M",
    )
    with open_desk(site_with_accounts, tmp_path, slurm_cluster="dev") as desk:
        quick, slow = desk.job(), desk.job("sleep 600")
        desk.want(quick, slow)
        active = desk.until_phase(slow, "active")
        assert active.job_id.endswith(";dev")
        desk.settle(quick)
        desk.ledger.unwant([slow.key], "test")
        assert desk.settle() == [Outcome.SUCCEEDED, Outcome.CANCELLED]
        desk.until(lambda: not desk.in_queue())
    line.saw(f"id {active.job_id}; one success, one cancelled")


def proxied_known_hosts(desk: Desk, port: int) -> Path:
    """Return a known_hosts file for the site behind another port."""
    assert desk.file.ssh is not None
    known = desk.file.ssh.known_hosts.read_text().replace(f":{desk.file.ssh.port} ", f":{port} ")
    path = desk.home / f"known_hosts-{port}"
    path.write_text(known)
    return path


@pytest.mark.fast
def test_fault_33_a_driver_that_is_killed_again_and_again_doubles_nothing(
    desk: Desk, case: NewCase
) -> None:
    line = case(
        33,
        injected="SIGKILL of the driving process, up to 12 times after 0.6 to 1.7 s, at 24 jobs",
        expected="24 jobs, 24 runs",
    )
    desk.want(*(desk.job("sleep 1.2", memory_mb=100 + index % 6) for index in range(24)))
    kills = 0
    for kill in range(12):
        with lone_driver(desk) as driver:
            try:
                assert driver.wait(0.6 + 0.1 * kill) == 0
                break  # all is done
            except subprocess.TimeoutExpired:
                driver.send_signal(signal.SIGKILL)
                kills += 1
    assert kills >= 4
    desk.settle()
    desk.require_one_run_each()
    line.saw(f"{kills} kills, {len(desk.tokens())} tokens, 24 jobs, 24 runs")
