"""The local cluster, with real processes."""

import os
import signal
import time
from pathlib import Path

import pytest

from nepsbench.cluster import Cluster, LostCounter, Phase
from nepsbench.errors import ClusterError

NASTY = "a b'c\"d\ne $(touch /tmp/pwned) `id` ; & | * \\ ~ % é"


def pid_of(handle) -> int:
    return int(handle.job_id.partition("-")[0])


def group_is_gone(handle) -> bool:
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(") ")[2].split()
        except OSError:
            continue
        if fields[2] == str(pid_of(handle)) and fields[0] != "Z":
            return False
    return True


def test_a_job_runs_its_tasks_and_succeeds(cluster: Cluster, make_job, wait_for) -> None:
    job = make_job(
        "two", 'echo "$NEPSBENCH_WORKER $NEPSBENCH_JOB_ID $OMP_NUM_THREADS" > w$NEPSBENCH_WORKER',
        tasks=2,
    )  # fmt: skip
    handle = cluster.submit(job)
    state = wait_for(handle, Phase.SUCCEEDED)
    assert state.exit_code == 0
    for worker in range(2):
        written = Path(job.directory, f"w{worker}").read_text().split()
        assert written == [str(worker), handle.job_id, "1"]


def test_the_worst_exit_code_of_the_tasks_is_the_jobs(cluster, make_job, wait_for) -> None:
    handle = cluster.submit(make_job("worst", "exit $((NEPSBENCH_WORKER * 7))", tasks=2))
    assert wait_for(handle, Phase.FAILED).exit_code == 7


def test_a_job_that_runs_is_adopted_by_a_second_submission(cluster, make_job, wait_for) -> None:
    job = make_job("once", "echo x >> runs; sleep 0.5")
    first = cluster.submit(job)
    assert cluster.submit(job) == first
    wait_for(first, Phase.SUCCEEDED)
    assert cluster.submit(job) == first
    assert Path(job.directory, "runs").read_text() == "x\n"


def test_a_job_that_failed_is_submitted_as_a_new_attempt(cluster, make_job, wait_for) -> None:
    job = make_job("again", "echo x >> runs; [ $(wc -l < runs) = 2 ]")
    first = cluster.submit(job)
    wait_for(first, Phase.FAILED)
    second = cluster.submit(job)
    assert second.job_id != first.job_id
    wait_for(second, Phase.SUCCEEDED)
    assert cluster.poll([first]).states["again"].phase is Phase.MISSING


def test_cancel_lets_workers_stop_by_themselves_and_leaves_no_process(
    cluster, make_job, wait_for
) -> None:
    job = make_job("cancel", "trap 'echo saved > saved; exit 0' TERM; sleep 300 & wait", tasks=2)
    handle = cluster.submit(job)
    wait_for(handle, Phase.ACTIVE)
    time.sleep(0.3)
    cluster.cancel([handle])
    assert Path(job.directory, "saved").exists()
    wait_for(handle, Phase.CANCELLED)
    assert group_is_gone(handle)
    cluster.cancel([handle])


def test_one_slot_runs_one_job_at_a_time_in_order_and_a_waiting_job_can_be_cancelled(
    cluster, make_job, wait_for
) -> None:
    jobs = [make_job(f"slot-{n}", "sleep 1; date +%s.%N >> ../order") for n in range(3)]
    first, second, third = (cluster.submit(job) for job in jobs)
    wait_for(first, Phase.ACTIVE)
    assert cluster.poll([second]).states["slot-1"].phase is Phase.QUEUED
    cluster.cancel([second])
    wait_for(third, Phase.SUCCEEDED)
    assert cluster.poll([first]).states["slot-0"].phase is Phase.SUCCEEDED
    wait_for(second, Phase.CANCELLED)
    assert len(Path(cluster.path("jobs", "order")).read_text().split()) == 2


def test_a_killed_job_is_lost_after_patience_and_its_workers_stop(
    cluster, make_job, wait_for
) -> None:
    handle = cluster.submit(make_job("killed", "exec sleep 300"))
    wait_for(handle, Phase.ACTIVE)
    time.sleep(0.3)
    os.kill(pid_of(handle), signal.SIGKILL)
    wait_for(handle, Phase.MISSING)
    counter = LostCounter(patience=2)
    assert counter.settle(cluster.poll([handle])).states["killed"].phase is Phase.MISSING
    assert counter.settle(cluster.poll([handle])).states["killed"].phase is Phase.LOST
    time.sleep(0.3)
    assert group_is_gone(handle)


def test_a_new_attempt_waits_for_the_strays_of_a_killed_one(cluster, make_job, wait_for) -> None:
    slow_end = "trap 'sleep 1; echo end >> log; exit' TERM; while :; do sleep 0.1; done"
    again = "[ ! -e log ] || { echo again >> log; exit; }"
    job = make_job("strays", f"{again}; echo begin >> log; {slow_end}")
    first = cluster.submit(job)
    log = Path(job.directory, "log")
    while not log.exists():
        time.sleep(0.05)
    os.kill(pid_of(first), signal.SIGKILL)
    wait_for(first, Phase.MISSING)
    wait_for(cluster.submit(job), Phase.SUCCEEDED)
    assert log.read_text().split() == ["begin", "end", "again"]


def test_at_the_time_limit_workers_are_warned_then_ended(cluster, make_job, wait_for) -> None:
    warned = make_job("warned", "trap 'exit 0' USR1; sleep 60 & wait", time_limit=2)
    handle = cluster.submit(warned)
    wait_for(handle, Phase.SUCCEEDED)
    deaf = make_job("deaf", "trap '' USR1; while :; do sleep 0.1; done", time_limit=2)
    assert wait_for(cluster.submit(deaf), Phase.TIMEOUT).exit_code == 137


def test_nothing_in_a_job_reaches_the_shell_unquoted(cluster, make_job, wait_for) -> None:
    job = make_job("nasty", 'printf %s "$0" > said')
    job = type(job)(job.key, job.directory, (*job.command, NASTY), job.resources)
    wait_for(cluster.submit(job), Phase.SUCCEEDED)
    assert Path(job.directory, "said").read_text() == NASTY
    assert not Path("/tmp/pwned").exists()


def test_files_go_there_and_back(cluster: Cluster, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom(3_000_000))
    folder = cluster.path("campaigns", "c'1")
    cluster.put(source, f"{folder}/results/a $b.journal")
    cluster.put(source, f"{folder}/results/deep/c.txt")
    assert cluster.fetch(folder, "results/*.journal", tmp_path / "here") == [
        tmp_path / "here/results/a $b.journal"
    ]
    assert (tmp_path / "here/results/a $b.journal").read_bytes() == source.read_bytes()
    assert cluster.fetch(cluster.path("nowhere"), "*", tmp_path / "here") == []
    assert not list(Path(folder).rglob("*.part"))


def test_a_script_that_gives_no_answer_is_a_cluster_error(cluster: Cluster) -> None:
    with pytest.raises(ClusterError, match="no answer in 1 s"):
        cluster.run("sleep 5", timeout=1)
