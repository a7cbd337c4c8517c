"""Visits to a real SLURM: what its commands and our batch script do together."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from nepsbench.cluster import (
    Answer,
    Cluster,
    ClusterFile,
    End,
    Job,
    LogTail,
    Orders,
    Place,
    Resources,
    Row,
    Submission,
    Target,
    Verdict,
    open_cluster,
)
from nepsbench.cluster.local import LocalTransport
from tests.waiting import wait_until

pytestmark = [pytest.mark.slurm]

#: A small result, and what proves it.
PROOF = "echo x >r; { echo '# progress 3'; sha256sum r; } >r.sha256"
ENDED = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "OUT_OF_MEMORY")


@dataclass(frozen=True)
class Site:
    """The developer cluster, visited from its own machine."""

    cluster: Cluster

    def visit(self, **orders: object) -> Answer:
        return self.cluster.visit(Orders(**orders))  # type: ignore[arg-type]

    def submission(
        self, *scripts: str, folder: str = "", manifests: tuple[str, ...] = (), **asked: int
    ) -> Submission:
        """Return a new submission of ``bash -c <script>``."""
        token = f"visits-{uuid4().hex[:12]}"
        resources = Resources(**({"memory_mb": 100, "time_limit": 60} | asked))
        jobs = (
            Job(
                f"{token}-{n}",
                self.cluster.path("tests", f"{folder}{token}", str(n)),
                ("bash", "-c", script),
                resources,
                manifests,
            )
            for n, script in enumerate(scripts)
        )
        return Submission(token, tuple(jobs))

    def submit(self, *scripts: str, **how: object) -> tuple[Submission, str]:
        """Submit jobs; return the submission and its id."""
        wanted = self.submission(*scripts, **how)  # type: ignore[arg-type]
        receipt = self.visit(submit=(wanted,)).receipts[wanted.token]
        assert receipt.verdict is Verdict.ACCEPTED, receipt.words
        return wanted, receipt.job_id

    def wait_for(
        self, wanted: Submission, holds: Callable[[Answer], bool], seconds: float = 300
    ) -> Answer:
        """Visit until ``holds`` is true of the answer."""

        def look() -> Answer | None:
            answer = self.visit(watch=(wanted.token,))
            return answer if holds(answer) else None

        def tell() -> Answer:
            return self.visit(watch=(wanted.token,))

        found: Answer = wait_until(look, seconds=seconds, what=tell)
        return found

    def ends(self, wanted: Submission) -> list[End]:
        """Wait until every job has ended and left the queue's work; return the markers."""
        places = [Place(wanted.token, n) for n in range(len(wanted.jobs))]

        def all_ended(answer: Answer) -> bool:
            rows = rows_of(answer, wanted)
            return all(p in answer.ends for p in places) and all(r.state in ENDED for r in rows)

        answer = self.wait_for(wanted, all_ended)
        return [answer.ends[place] for place in places]

    def folder(self, wanted: Submission) -> Path:
        return Path(self.cluster.path("submissions", wanted.token))


def rows_of(answer: Answer, wanted: Submission) -> list[Row]:
    assert answer.rows is not None, answer.problem
    return [row for row in answer.rows if row.token == wanted.token]


def states(answer: Answer, wanted: Submission) -> set[str]:
    return {row.state for row in rows_of(answer, wanted)}


def text_of(wanted: Submission, name: str, index: int = 0) -> str:
    return Path(wanted.jobs[index].directory, name).read_text()


@pytest.fixture(scope="module")
def make_site(slurm_file: ClusterFile) -> Callable[..., Site]:
    def make(**changes: object) -> Site:
        return Site(open_cluster(slurm_file.model_copy(update=changes), LocalTransport()))

    return make


@pytest.fixture(scope="module")
def site(make_site: Callable[..., Site]) -> Site:
    return make_site()


@pytest.fixture
def command(slurm_state: Path) -> Callable[..., str]:
    """SLURM's own commands, as a person would use them."""

    def run(*words: str) -> str:
        environment = os.environ | {"SLURM_CONF": f"{slurm_state}/slurm.conf"}
        done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


@pytest.fixture
def exit_codes(slurm_state: Path) -> Callable[[str], list[str]]:
    """From SLURM's own log of completed jobs: the exit codes of those of a name."""

    def read(name: str) -> list[str]:
        lines = (slurm_state / "log" / "jobcomp.txt").read_text().splitlines()
        own = (line.split() for line in lines if f" Name={name} " in line)
        return [word.removeprefix("ExitCode=") for words in own for word in words[-1:]]

    return read


@pytest.fixture
def controller(slurm_state: Path) -> int:
    """The pid of slurmctld."""
    return int((slurm_state / "run" / "slurmctld.pid").read_text())


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.fixture(scope="module")
def slow(site: Site) -> dict[str, tuple[Submission, str]]:
    """Jobs with a time limit of a minute, begun early, looked at last."""
    stop = "trap 'echo saved >saved; exit 3' USR1; while :; do sleep 0.2; done"
    deaf = "trap 'date +%s >warned' USR1; trap '' TERM; while :; do sleep 0.2; done"
    return {
        "obedient": site.submit(f"{PROOF}; {stop}", manifests=("r.sha256",)),
        "deaf": site.submit(f"{PROOF}; {deaf}", manifests=("r.sha256",)),
    }


@pytest.mark.usefixtures("slow")
def test_each_job_of_an_array_has_its_own_outcome(site: Site) -> None:
    say = f"echo $NEPSBENCH_WORKER $NEPSBENCH_JOB_ID; {PROOF}"
    wanted, job_id = site.submit(
        say, f"{PROOF}; exit 7", "exit 0", f"{PROOF}; echo y >r", manifests=("r.sha256",)
    )
    ends = site.ends(wanted)
    assert [(end.exit_code, end.valid) for end in ends] == [
        (0, True),
        (7, False),
        (0, False),
        (0, False),
    ]
    assert [end.progress for end in ends] == [3, 3, -1, 3]
    assert {end.job_id for end in ends} == {job_id}
    assert text_of(wanted, "stdout") == f"0 {job_id}_0\n"
    tail = LogTail(f"{wanted.jobs[0].directory}/stdout", 2)
    assert site.visit(logs=(tail,)).logs[tail.path] == f"{job_id}_0\n".encode()


def test_a_job_runs_its_tasks_in_a_folder_with_an_odd_name(site: Site) -> None:
    say = 'echo "$NEPSBENCH_JOB_ID $OMP_NUM_THREADS" >w$NEPSBENCH_WORKER'
    wanted, job_id = site.submit(say, folder="a 'b' $(c) %j; & \\ \n", tasks=2)
    assert site.ends(wanted) == [End(0, job_id, valid=True)]
    assert text_of(wanted, "w0") == text_of(wanted, "w1") == f"{job_id} 1\n"


def test_a_root_with_an_odd_name_serves_arrays_too(make_site, slurm_file: ClusterFile) -> None:
    odd = make_site(root=f"{slurm_file.root}/an 'odd' $(root) %a %% ; &")
    wanted, _ = odd.submit("echo a >&2", "exit 2")
    assert [end.exit_code for end in odd.ends(wanted)] == [0, 2]
    assert sorted(path.name for path in (odd.folder(wanted) / "said").iterdir()) == ["0", "1"]


def test_a_submission_is_held_until_it_is_on_record(site: Site) -> None:
    wanted = site.submission("echo x >>runs")
    folder = site.folder(wanted)
    (folder / "id.tmp").mkdir(parents=True)  # where the record is written
    receipt = site.visit(submit=(wanted,)).receipts[wanted.token]
    assert receipt.verdict is Verdict.UNKNOWN
    time.sleep(2)
    row = rows_of(site.visit(), wanted)[0]
    assert (row.state, row.reason) == ("PENDING", "JobHeldUser")
    (folder / "id.tmp").rmdir()
    found = site.visit(look=(wanted,)).receipts[wanted.token]
    assert (found.verdict, found.job_id) == (Verdict.ACCEPTED, row.job_id)
    assert site.ends(wanted) == [End(0, row.job_id, valid=True)]
    assert text_of(wanted, "runs") == "x\n"


def test_a_site_that_forbids_held_jobs_runs_them_too(make_site) -> None:
    site = make_site(hold=False)
    wanted, job_id = site.submit("true")
    assert site.ends(wanted) == [End(0, job_id, valid=True)]
    assert not (site.folder(wanted) / "released").exists()


def test_a_late_duplicate_leaves_without_a_trace(site: Site, command, exit_codes) -> None:
    wanted, job_id = site.submit("echo x >>runs; sleep 2", "echo x >>runs; sleep 2")
    job = str(site.folder(wanted) / "job.sh")
    name = f"--job-name=late-{wanted.token}"
    for _ in range(2):
        command("sbatch", name, "--array=0-1", "--mem=100", "--output=/dev/null", job)
    assert [(end.exit_code, end.job_id) for end in site.ends(wanted)] == [(0, job_id)] * 2
    wait_until(lambda: exit_codes(f"late-{wanted.token}") == ["76:0"] * 4)
    for index in range(2):
        assert text_of(wanted, "runs", index) == "x\n"
        left = Path(wanted.jobs[index].directory).iterdir()
        assert sorted(path.name for path in left) == ["runs", "stderr", "stdout"]
    assert [(end.exit_code, end.job_id) for end in site.ends(wanted)] == [(0, job_id)] * 2


def test_a_superseded_job_never_begins(make_site, site: Site, command) -> None:
    later = make_site(options=("--begin=now+1hour",))
    old, job_id = later.submit("echo x >>runs", "echo x >>runs")
    new = site.submission("echo new >>runs")
    new = Submission(new.token, new.jobs, (Place(old.token, 0),))
    assert site.visit(submit=(new,)).receipts[new.token].verdict is Verdict.ACCEPTED
    command("scontrol", "update", f"jobid={job_id}", "starttime=now")
    site.wait_for(old, lambda answer: states(answer, old) and states(answer, old) <= set(ENDED))
    assert not Path(old.jobs[0].directory).exists()
    assert text_of(old, "runs", 1) == "x\n"
    site.ends(new)


def test_a_requeued_job_runs_again_under_its_id(site: Site, command) -> None:
    script = "echo x >>runs; [ $(wc -l <runs) -gt 1 ] || { sleep 60; exit 1; }"
    wanted, job_id = site.submit(script)
    wait_until(Path(wanted.jobs[0].directory, "runs").exists)
    command("scontrol", "requeue", job_id)

    def has_run_again(answer: Answer) -> bool:
        return answer.ends.get(Place(wanted.token, 0)) == End(0, job_id, valid=True)

    site.wait_for(wanted, has_run_again)
    assert text_of(wanted, "runs").startswith("x\nx\n")


def test_a_job_that_needs_more_memory_shows_it(site: Site) -> None:
    eat = "x=$(head -c 300000000 /dev/zero | tr '\\0' x); sleep 9; echo ${#x}"
    wanted, _ = site.submit(eat, memory_mb=60)
    end = site.ends(wanted)[0]
    assert end.exit_code != 0
    place = Place(wanted.token, 0)
    found = site.visit(examine=((place, wanted.jobs[0].directory),)).findings[place]
    assert found.memory


def test_last_words_are_those_of_this_attempt(site: Site) -> None:
    wanted = site.submission("echo 'ValueError: a | b' >&2; exit 5")
    folder = Path(wanted.jobs[0].directory)
    folder.mkdir(parents=True)
    (folder / "stderr").write_text("MemoryError\n")
    site.visit(submit=(wanted,))
    site.ends(wanted)
    place = Place(wanted.token, 0)
    found = site.visit(examine=((place, str(folder)),)).findings[place]
    assert (found.words, found.memory) == ("ValueError: a b", False)


def test_jobs_of_an_array_are_cancelled_before_they_run_and_their_siblings_are_not(
    make_site,
) -> None:
    site = make_site(options=("--begin=now+1hour",))
    wanted, job_id = site.submit(*["true"] * 12)
    assert rows_of(site.visit(), wanted)[0].indices == ((0, 11),)
    answer = site.visit(cancel=(Target(wanted.token, job_id, (1, 2, 3, 7)),))
    pending = [row for row in rows_of(answer, wanted) if row.state == "PENDING"]
    assert [row.indices for row in pending] == [((0, 0), (4, 6), (8, 11))]
    answer = site.visit(cancel=(Target(wanted.token, job_id),))
    assert "PENDING" not in states(answer, wanted)
    site.visit(cancel=(Target(wanted.token, job_id, (1,)), Target("visits-none", "999999")))


def test_a_running_job_that_is_cancelled_says_so_and_never_claims_success(site: Site) -> None:
    stubborn = f"{PROOF}; trap '' TERM; while :; do sleep 0.2; done"
    obedient = f"{PROOF}; trap 'exit 3' TERM; while :; do sleep 0.2; done"
    wanted, job_id = site.submit(stubborn, obedient, manifests=("r.sha256",))
    proofs = [Path(job.directory, "r.sha256") for job in wanted.jobs]
    wait_until(lambda: all(proof.exists() for proof in proofs))
    site.visit(cancel=(Target(wanted.token, job_id),))
    deaf, heard = site.ends(wanted)
    assert (deaf.exit_code, deaf.why, deaf.valid) in {(143, "terminated", False),
                                                      (137, "terminated", False)}  # fmt: skip
    assert (heard.exit_code, heard.why, heard.progress) == (3, "terminated", 3)
    assert states(site.visit(), wanted) <= {"CANCELLED"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"partition": "nowhere"}, "invalid partition specified: nowhere"),
        ({"gpus": "4"}, "Invalid generic resource (gres) specification"),
        ({"options": ("--reservation=none",)}, "Requested reservation is invalid"),
        ({"options": ("--array=0-99999",)}, "Invalid job array specification"),
        ({"options": ("--no-such-option",)}, "unrecognized option"),
        ({"constraint": "none-such"}, "Invalid feature specification"),
    ],
)
def test_what_no_later_try_will_change_is_refused_in_slurms_words(make_site, changes, words):
    site = make_site(**changes)
    wanted = site.submission("true")
    receipt = site.visit(submit=(wanted,)).receipts[wanted.token]
    assert receipt.verdict is Verdict.REFUSED, receipt
    assert words in receipt.words
    assert site.visit(look=(wanted,)).receipts[wanted.token].verdict is Verdict.ABSENT


def test_what_fits_no_node_is_refused_where_jobs_are_not_held(make_site) -> None:
    """SLURM does not look for nodes while it holds a job: then the queue says BadConstraints."""
    wanted = make_site().submission("true")
    site = make_site(hold=False, options=("--mem-per-cpu=9T",))
    receipt = site.visit(submit=(wanted,)).receipts[wanted.token]
    assert receipt.verdict is Verdict.REFUSED
    assert "Requested node configuration is not available" in receipt.words
    site = make_site(options=("--mem-per-cpu=9T",))
    wanted, job_id = site.submit("true")
    site.wait_for(wanted, lambda a: [r.reason for r in rows_of(a, wanted)] == ["BadConstraints"])
    site.visit(cancel=(Target(wanted.token, job_id),))


def test_a_controller_that_does_not_answer_is_no_news_of_any_job(site: Site, controller) -> None:
    wanted, _ = site.submit("true")
    site.ends(wanted)
    new, old = site.submission("true"), site.submission("true")
    with stopped(controller):
        answer = site.visit(submit=(new,), look=(old, wanted), watch=(wanted.token,), facts=True)
    assert answer.rows is None
    assert answer.problem.startswith("squeue: exit code ")
    verdicts = [answer.receipts[each.token].verdict for each in (new, old, wanted)]
    assert verdicts == [Verdict.UNTRIED, Verdict.UNKNOWN, Verdict.ACCEPTED]
    assert answer.ends[Place(wanted.token, 0)].exit_code == 0
    assert site.visit(look=(new,)).receipts[new.token].verdict is Verdict.ABSENT


def test_a_submission_whose_answer_was_lost_is_found_and_runs_once(
    make_site, site: Site, slurm_file: ClusterFile, controller: int, tmp_path: Path
) -> None:
    shim = tmp_path / "sbatch"
    real = shutil.which("sbatch")
    shim.write_text(f'#!/bin/bash\nkill -STOP {controller}\nexec {real} "$@"\n')
    shim.chmod(0o755)
    hanging = make_site(setup=f"{slurm_file.setup}\nexport PATH={tmp_path}:$PATH")
    wanted = site.submission("echo x >>runs")
    try:
        answer = hanging.visit(submit=(wanted,))
    finally:
        os.kill(controller, signal.SIGCONT)
    assert answer.receipts[wanted.token].verdict is Verdict.UNKNOWN
    assert answer.rows is None
    site.wait_for(wanted, lambda answer: bool(rows_of(answer, wanted)))
    found = site.visit(look=(wanted,)).receipts[wanted.token]
    assert found.verdict is Verdict.ACCEPTED
    assert site.visit(submit=(wanted,)).receipts[wanted.token] == found
    assert site.ends(wanted) == [End(0, found.job_id, valid=True)]
    assert text_of(wanted, "runs") == "x\n"


def test_facts_are_what_the_cluster_says(site: Site, command) -> None:
    facts = site.visit(facts=True).facts
    assert facts is not None
    config = command("scontrol", "show", "config")
    assert f"= {facts.max_array_size}\n" in config
    assert f"= {facts.max_job_count}\n" in config
    assert facts.max_time == 86400
    assert facts.message_timeout == 5
    assert facts.max_memory_mb_per_node
    assert command("sbatch", "--version").endswith(facts.version)


def test_hundreds_of_waiting_jobs_are_one_row_and_one_command(make_site) -> None:
    site = make_site(options=("--begin=now+1hour",))
    wanted, job_id = site.submit(*["true"] * 500)
    try:
        answer = site.visit(watch=(wanted.token,))
        assert [row.indices for row in rows_of(answer, wanted)] == [((0, 499),)]
        site.visit(cancel=(Target(wanted.token, job_id, tuple(range(0, 500, 2))),))
        answer = site.visit(watch=(wanted.token,))
        pending = [row for row in rows_of(answer, wanted) if row.state == "PENDING"]
        assert [n for low, _ in pending[0].indices for n in (low,)] == list(range(1, 500, 2))
    finally:
        site.visit(cancel=(Target(wanted.token, job_id),))


def test_the_end_is_known_when_the_queue_has_forgotten_the_job(site: Site) -> None:
    wanted, job_id = site.submit(PROOF, manifests=("r.sha256",))
    answer = site.wait_for(
        wanted, lambda a: not rows_of(a, wanted) and Place(wanted.token, 0) in a.ends, 90
    )
    assert answer.ends[Place(wanted.token, 0)] == End(0, job_id, progress=3, valid=True)
    assert site.visit(look=(wanted,)).receipts[wanted.token].job_id == job_id


def test_workers_are_warned_before_the_time_limit_and_their_exit_code_stands(
    site: Site, slow
) -> None:
    wanted, job_id = slow["obedient"]
    assert site.ends(wanted) == [End(3, job_id, progress=3)]
    assert text_of(wanted, "saved") == "saved\n"


def test_a_job_that_is_deaf_ends_at_its_time_limit_and_says_so(site: Site, slow) -> None:
    wanted, job_id = slow["deaf"]
    end = site.ends(wanted)[0]
    assert end.exit_code in (137, 143)
    assert (end.job_id, end.why, end.valid) == (job_id, "timeout", False)
    assert Path(wanted.jobs[0].directory, "warned").exists()
