"""The local cluster, with real processes."""

import os
import shlex
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from nepsbench.cluster import (
    Cluster,
    Completed,
    LogTail,
    Orders,
    Place,
    Submission,
    Target,
    Verdict,
    open_cluster,
)
from nepsbench.cluster.local import LocalTransport
from nepsbench.errors import ClusterError

pytestmark = pytest.mark.whole

NASTY = "a b'c\"d\ne $(touch /tmp/pwned) `id` ; & | * \\ ~ % é"
CONTAINER = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
PROVEN = "echo data > file; { echo '# progress 4'; sha256sum file; } > proof"


def may_make_containers() -> bool:
    return subprocess.run([*CONTAINER, "true"], capture_output=True, check=False).returncode == 0


def test_a_job_runs_its_tasks_and_succeeds(visitor, make_job) -> None:
    job = make_job(
        "two", 'echo "$NEPSBENCH_WORKER $NEPSBENCH_JOB_ID $OMP_NUM_THREADS" > w$NEPSBENCH_WORKER',
        tasks=2,
    )  # fmt: skip
    receipt = visitor.submit("t", job)
    assert receipt.verdict is Verdict.ACCEPTED
    end = visitor.end("t")
    assert (end.exit_code, end.job_id, end.why, end.valid) == (0, receipt.job_id, "", True)
    for worker in range(2):
        written = Path(job.directory, f"w{worker}").read_text().split()
        assert written == [str(worker), receipt.job_id, "1"]
    assert visitor.rows("t") == {}


def test_the_worst_exit_code_of_the_tasks_is_the_jobs(visitor, make_job) -> None:
    visitor.submit("t", make_job("worst", "exit $((NEPSBENCH_WORKER * 7))", tasks=2))
    assert visitor.end("t").exit_code == 7


def test_the_visit_that_submits_shows_every_job_of_the_submission(visitor, make_job) -> None:
    jobs = tuple(make_job(f"j{n}", "sleep 1") for n in range(3))
    answer = visitor.visit(submit=(Submission("t", jobs),))
    job_id = answer.receipts["t"].job_id
    assert {(row.token, row.job_id) for row in answer.rows} == {("t", job_id)}
    assert sorted(row.indices for row in answer.rows) == [((n, n),) for n in range(3)]
    assert abs(answer.clock - time.time()) < 5


def test_jobs_of_one_submission_take_turns_and_end_each_for_itself(visitor, make_job) -> None:
    codes = (0, 7, 0)
    jobs = [make_job(f"j{n}", f"sleep 0.5; exit {code}") for n, code in enumerate(codes)]
    receipt = visitor.submit("t", *jobs)
    visitor.wait(lambda: "RUNNING" in visitor.states("t").values())
    states = visitor.states("t")
    assert sorted(states.values()) == ["RUNNING", "WAITING", "WAITING"]
    running, waiting = (
        next(row for row in visitor.rows("t").values() if row.state == state)
        for state in ("RUNNING", "WAITING")
    )
    assert time.strptime(running.start, "%Y-%m-%dT%H:%M:%S")
    assert waiting.reason == "no free slot"
    assert not waiting.start
    ends = [visitor.end("t", index) for index in range(3)]
    assert [end.exit_code for end in ends] == list(codes)
    assert {end.job_id for end in ends} == {receipt.job_id}


def test_a_token_that_was_submitted_is_only_reported(visitor, make_job) -> None:
    job = make_job("once", "echo x >> runs; sleep 0.5")
    first = visitor.submit("t", job)
    assert visitor.submit("t", job) == first
    visitor.end("t")
    assert visitor.submit("t", job) == first
    assert Path(job.directory, "runs").read_text() == "x\n"


def test_two_visits_that_submit_one_token_at_once_make_one_submission(visitor, make_job) -> None:
    jobs = [make_job(f"j{n}", "echo x >> runs") for n in range(3)]
    with ThreadPoolExecutor(4) as pool:
        receipts = list(pool.map(lambda _: visitor.submit("t", *jobs), range(4)))
    assert {receipt.verdict for receipt in receipts} == {Verdict.ACCEPTED}
    assert len({receipt.job_id for receipt in receipts}) == 1
    for index, job in enumerate(jobs):
        visitor.end("t", index)
        assert Path(job.directory, "runs").read_text() == "x\n"


@pytest.mark.parametrize("delay", [0.004 * step for step in range(1, 13)])
def test_a_visit_that_is_killed_leaves_a_submission_that_runs_once(
    cluster, visitor, make_job, delay
) -> None:
    jobs = tuple(make_job(f"j{n}", "echo x >> runs") for n in range(2))
    script = cluster.queue.visit_script(Orders(submit=(Submission("t", jobs),)))
    visit = subprocess.Popen(["bash", "-s"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                             start_new_session=True)  # fmt: skip
    visit.stdin.write(script.encode())
    visit.stdin.close()
    time.sleep(delay)
    os.killpg(visit.pid, signal.SIGKILL)
    visit.wait()
    assert visitor.look("t").verdict in (Verdict.ACCEPTED, Verdict.ABSENT)
    receipt = visitor.submit("t", *jobs)
    assert receipt.verdict is Verdict.ACCEPTED, receipt
    for index, job in enumerate(jobs):
        visitor.end("t", index)
        assert Path(job.directory, "runs").read_text() == "x\n"


def test_a_look_submits_nothing(cluster, visitor, make_job) -> None:
    assert visitor.look("t").verdict is Verdict.ABSENT
    assert not Path(cluster.path("submissions", "t")).exists()
    receipt = visitor.submit("t", make_job("j", "true"))
    assert visitor.look("t") == receipt


def test_a_submission_that_cannot_be_written_is_for_later(cluster, visitor, make_job) -> None:
    job = make_job("j", "true")
    folder = Path(cluster.path("submissions", "t"))
    folder.parent.mkdir(parents=True)
    folder.write_text("in the way")
    receipt = visitor.submit("t", job)
    assert (receipt.verdict, receipt.job_id) == (Verdict.BUSY, "")
    assert "File exists" in receipt.words or "Not a directory" in receipt.words
    folder.unlink()
    assert visitor.submit("t", job).verdict is Verdict.ACCEPTED


def test_success_needs_files_that_are_as_their_manifest_says(visitor, make_job) -> None:
    whole = make_job("whole", PROVEN, manifests=("proof",))
    broken = make_job("broken", f"{PROVEN}; echo more >> file", manifests=("proof",))
    unproven = make_job("unproven", "echo data > file", manifests=("proof",))
    visitor.submit("t", whole, broken, unproven)
    ends = [visitor.end("t", index) for index in range(3)]
    assert [end.exit_code for end in ends] == [0, 0, 0]
    assert [end.valid for end in ends] == [True, False, False]
    assert [end.progress for end in ends] == [4, 4, -1]


def test_an_attempt_cannot_succeed_by_the_manifest_of_the_one_before(visitor, make_job) -> None:
    job = make_job("j", f"[ -e file ] || {{ {PROVEN}; }}", manifests=("proof",))
    visitor.submit("first", job)
    assert visitor.end("first").valid
    visitor.submit("second", job, supersedes=(Place("first", 0),))
    assert not visitor.end("second").valid


def test_what_is_superseded_before_it_begins_never_does(visitor, make_job) -> None:
    visitor.submit("blocker", make_job("blocker", "sleep 2"))
    old = make_job("j", "echo old >> log")
    other = make_job("other", "true")
    visitor.submit("old", old, other)
    assert visitor.states("old") == {0: "WAITING", 1: "WAITING"}
    new = replace(old, command=("bash", "-c", "echo new >> log"))
    visitor.submit("new", new, supersedes=(Place("old", 0),))
    visitor.end("new")
    visitor.end("old", 1)
    assert Path(old.directory, "log").read_text() == "new\n"
    assert 0 not in visitor.ends("old")
    assert visitor.rows("old") == {}


def test_what_is_superseded_before_it_was_submitted_never_begins(visitor, make_job) -> None:
    job = make_job("j", "echo x >> log")
    visitor.submit("new", job, supersedes=(Place("late", 0),))
    assert visitor.submit("late", job).verdict is not Verdict.ACCEPTED
    visitor.end("new")
    assert visitor.rows("late") == {}
    assert Path(job.directory, "log").read_text() == "x\n"


def test_a_job_whose_setup_fails_is_refused(cluster, visitor, make_job) -> None:
    file = cluster.file.model_copy(update={"setup": "module() { exit 9; }; module load x"})
    visitor = replace(visitor, cluster=open_cluster(file))
    visitor.submit("t", make_job("j", "true"))
    end = visitor.end("t")
    assert (end.exit_code, end.why, end.valid) == (73, "refused", False)


def test_a_setup_block_may_change_folder_options_and_variables(cluster, visitor, make_job) -> None:
    setup = "cd /; set -eu; index=7 directory=/nowhere command=false; export FOUND=yes; echo hello"
    visitor = replace(
        visitor, cluster=open_cluster(cluster.file.model_copy(update={"setup": setup}))
    )
    jobs = [make_job(f"j{n}", 'printf "$FOUND" > found; false; exit 5') for n in range(2)]
    visitor.submit("t", *jobs)
    for index, job in enumerate(jobs):
        assert visitor.end("t", index).exit_code == 5
        assert Path(job.directory, "found").read_text() == "yes"


def test_nothing_in_a_job_reaches_the_shell_unquoted(visitor, make_job) -> None:
    job = make_job("nasty", 'printf %s "$0" > said; cp said "$1"; sha256sum -- "$1" > "$2"')
    manifest = "proof $(touch pwned); 'x'"
    job = replace(job, command=(*job.command, NASTY, "file $(id) ;", manifest),
                  directory=f"{job.directory} {NASTY}".replace("\n", " "),
                  manifests=(manifest,))  # fmt: skip
    visitor.submit("t", job)
    end = visitor.end("t")
    assert (end.exit_code, end.valid) == (0, True)
    assert Path(job.directory, "said").read_text() == NASTY
    assert not Path("/tmp/pwned").exists()
    assert not list(Path(job.directory).glob("pwned"))


def test_a_failed_jobs_words_and_a_running_jobs_log_are_told(visitor, make_job) -> None:
    script = "echo first; echo second; echo 'bad | news' >&2; exit 1"
    job = make_job("j", script, manifests=("proof",))
    visitor.submit("t", job)
    visitor.end("t")
    place, log = Place("t", 0), LogTail(f"{job.directory}/stdout", offset=6)
    answer = visitor.visit(examine=((place, job.directory),), logs=(log,))
    assert answer.logs == {log.path: b"second\n"}
    finding = answer.findings[place]
    assert (finding.words, finding.memory) == ("bad news", False)
    visitor.submit("silent", make_job("silent", "true", manifests=("proof",)))
    visitor.end("silent")
    place, folder = Place("silent", 0), visitor.cluster.path("jobs", "silent")
    finding = visitor.visit(examine=((place, folder),)).findings[place]
    assert "proof: No such file" in finding.words


def test_only_ends_that_are_new_are_told(visitor, make_job) -> None:
    visitor.submit("t", make_job("j", "true"))
    visitor.end("t")
    clock = visitor.visit().clock
    assert visitor.visit(watch=("t",), since=clock - 60).ends
    assert not visitor.visit(watch=("t",), since=clock + 60).ends


@pytest.mark.skipif(not may_make_containers(), reason="may not make a process name space")
def test_jobs_of_another_container_are_left_alone(cluster, visitor, make_job) -> None:
    visitor.submit("t", make_job("j", "touch ready; sleep 2"))
    orders = Orders(submit=(Submission("late", (make_job("other", "true"),)),), watch=("t",),
                    look=(Submission("t", ()),), cancel=(Target("t", ""),))  # fmt: skip
    inside = Cluster(cluster.file, InAnotherContainer(), cluster.queue)
    answer = inside.visit(orders)
    assert answer.rows is None
    assert "another container" in answer.problem
    assert answer.receipts["late"].verdict is Verdict.UNTRIED
    assert answer.receipts["t"].verdict is Verdict.UNKNOWN
    assert visitor.states("t") == {0: "RUNNING"}
    assert visitor.end("t").exit_code == 0
    assert inside.visit(Orders()).rows == ()


class InAnotherContainer(LocalTransport):
    """Runs scripts among process numbers of their own."""

    def run(self, script: str, *, timeout: float = 60.0) -> Completed:
        inside = shlex.join([*CONTAINER, "bash", "-s"])
        return super().run(f"{inside} <<<{shlex.quote(script)}", timeout=timeout)


class Cutting(LocalTransport):
    """Loses the end of an answer."""

    def run(self, script: str, *, timeout: float = 60.0) -> Completed:
        answer = super().run(script, timeout=timeout)
        return Completed(answer.exit_code, answer.stdout[:-5], answer.stderr)


def test_a_visit_whose_answer_was_cut_is_an_error(cluster, visitor, make_job) -> None:
    cut = Cluster(cluster.file, Cutting(), cluster.queue)
    with pytest.raises(ClusterError, match="cut short"):
        cut.visit(Orders(submit=(Submission("t", (make_job("j", "true"),)),)))
    assert visitor.look("t").verdict is Verdict.ACCEPTED


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
