"""The batch script, run without SLURM: who may run, and what the exit marker says."""

import contextlib
import hashlib
import os
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest
from slurm_site import TOKEN, Site, submission

from nepsbench.cluster import End, Place, Submission
from tests.living import command_of

pytestmark = pytest.mark.whole

#: Runs the tasks as srun does: the worst exit code is its own.
SRUN = """
while [ "$1" != bash ]; do
  case $1 in --ntasks=*) tasks=${1#*=} ;; esac
  shift
done
worst=0 pids=()
trap 'kill -TERM "${pids[@]}"' TERM
for ((n = 0; n < tasks; n++)); do SLURM_PROCID=$n "$@" & pids+=("$!"); done
for pid in "${pids[@]}"; do wait "$pid"; code=$?; [ "$code" -le "$worst" ] || worst=$code; done
"""
#: What srun does that gave up waiting for tasks which it was told to end: seen with SLURM 22.05.
FORGETFUL = SRUN + "exit 0"
CORRECT = SRUN + 'exit "$worst"'


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path)
    made.fake("sbatch", "echo 77")
    made.fake("srun", CORRECT)
    return made


def submit(site: Site, *scripts: str, manifests: tuple[str, ...] = (), **asked: int) -> Submission:
    """Submit jobs of ``bash -c <script>``; they have not begun then."""
    commands = (("bash", "-c", script) for script in scripts)
    folder = str(site.folder / "jobs")
    wanted = submission(*commands, folder=folder, manifests=manifests, **asked)
    site.visit(submit=(wanted,))
    return wanted


def end(site: Site, index: int = 0) -> End | None:
    return site.visit(watch=(TOKEN,)).ends.get(Place(TOKEN, index))


def folder_of(site: Site, index: int = 0) -> Path:
    return site.folder / "jobs" / str(index)


def proof(name: str, text: str, *remarks: str) -> str:
    """Return shell text that writes a file and a manifest of it."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    lines = "\\n".join((*remarks, f"{digest}  {name}"))
    return f"printf '{text}' >'{name}'; printf '{lines}\\n' >'{name}.sha256'"


def test_a_job_runs_in_its_folder_and_ends_with_a_marker(site: Site) -> None:
    say = (
        'echo "$NEPSBENCH_WORKER $NEPSBENCH_JOB_ID $NEPSBENCH_TIME_LIMIT $OMP_NUM_THREADS"; exit 7'
    )
    submit(site, say, tasks=2, cpus_per_task=3)
    assert site.start_job() == 7
    assert end(site) == End(7, "77", progress=-1)
    lines = (folder_of(site) / "stdout").read_text().splitlines()
    assert sorted(lines) == ["0 77 3601 3", "1 77 3601 3"]
    assert not list((site.token_folder() / "tasks").iterdir())


def test_each_job_of_an_array_has_its_own_command_and_marker(site: Site) -> None:
    submit(site, 'echo "$NEPSBENCH_JOB_ID"', "exit 4", "true")
    assert [site.start_job(index=n) for n in range(3)] == [0, 4, 0]
    assert (folder_of(site) / "stdout").read_text() == "77_0\n"
    assert end(site, 1) == End(4, "77", progress=-1)
    assert end(site, 2) == End(0, "77", progress=-1, valid=True)


def test_a_late_duplicate_leaves_without_a_trace(site: Site) -> None:
    submit(site, "echo x >>runs")
    assert site.start_job(job_id="77") == 0
    before = {path: path.stat().st_mtime_ns for path in folder_of(site).iterdir()}
    assert site.start_job(job_id="78") == 76
    assert {path: path.stat().st_mtime_ns for path in folder_of(site).iterdir()} == before
    assert (folder_of(site) / "runs").read_text() == "x\n"
    assert end(site) == End(0, "77", progress=-1, valid=True)


@pytest.mark.parametrize("recorded", ["77", "77;north"])
def test_a_duplicate_does_not_run_even_if_it_comes_first(site: Site, recorded: str) -> None:
    submit(site, "echo x >>runs")
    (site.token_folder() / "id").write_text(f"{recorded}\n")
    assert site.start_job(job_id="76") == 76
    assert not folder_of(site).exists()
    assert site.start_job(job_id="77") == 0


def test_of_many_at_once_one_runs_if_none_is_on_record_yet(site: Site) -> None:
    submit(site, "echo x >>runs; sleep 0.5")
    (site.token_folder() / "id").unlink()
    job = site.token_folder() / "job.sh"
    environment = {"PATH": f"{site.commands}:/usr/bin:/bin"}
    started = [
        subprocess.Popen(["bash", job], env=environment | {"SLURM_JOB_ID": str(n)})
        for n in range(8)
    ]
    assert sorted(process.wait(30) for process in started) == [0] + [76] * 7
    assert (folder_of(site) / "runs").read_text() == "x\n"


def test_a_job_that_was_told_to_end_runs_again_after_its_requeue(site: Site) -> None:
    submit(site, "echo x >>runs; echo e >&2; [ $(wc -l <runs) = 2 ]")
    assert site.start_job() == 1
    assert end(site) == End(1, "77", progress=-1)
    (site.token_folder() / "ends" / "0").write_text("0 143 77 terminated -1 0\n")
    assert site.start_job() == 0
    assert end(site) == End(0, "77", progress=-1, valid=True)
    assert (folder_of(site) / "stderr").read_text() == "e\ne\n"


def test_a_job_that_is_told_to_end_before_its_workers_begin_asks_to_come_back(
    tmp_path: Path,
) -> None:
    site = Site(tmp_path, setup='[ -z "${SLURM_JOB_ID-}" ] || kill -TERM $$')
    site.fake("sbatch", "echo 77")
    submit(site, "echo x >>runs")
    site.fake("squeue", "echo RUNNING")
    assert site.start_job() == 143
    assert end(site) == End(143, "77", why="terminated", progress=-1)
    assert not (folder_of(site) / "runs").exists()
    assert site.calls("scontrol")[-1] == "requeue 77"
    site.fake("squeue", "echo COMPLETING")  # as of a job that is cancelled
    before = site.calls("scontrol")
    assert site.start_job() == 143
    assert site.calls("scontrol") == before


@pytest.mark.parametrize("name", ["0", "all"])
def test_a_superseded_job_never_begins_even_after_a_requeue(site: Site, name: str) -> None:
    submit(site, "echo x >>runs")
    (site.token_folder() / "revoked" / name).touch()
    assert site.start_job() == 76
    assert not folder_of(site).exists()
    assert end(site) is None


def test_other_jobs_of_a_superseded_one_begin(site: Site) -> None:
    submit(site, "true", "true")
    (site.token_folder() / "revoked" / "1").touch()
    assert [site.start_job(index=n) for n in range(2)] == [0, 76]


def test_a_job_without_its_claim_does_not_begin(site: Site) -> None:
    submit(site, "echo x >>runs")
    (site.token_folder() / "claims").rmdir()
    assert site.start_job() == 76
    assert not folder_of(site).exists()


@pytest.mark.parametrize("code", [0, 3])
def test_manifests_are_checked_and_their_progress_is_summed(site: Site, code: int) -> None:
    parts = [proof("a b", "one", "# progress 3"), proof("c", "two", "# progress 40", "# more")]
    script = "; ".join([*parts, f"exit {code}"])
    submit(site, script, manifests=("a b.sha256", "c.sha256"))
    assert site.start_job() == code
    assert end(site) == End(code, "77", progress=43, valid=code == 0)


@pytest.mark.parametrize(
    "damage",
    [
        "echo y >>a",
        "rm a",
        "rm a.sha256",
        ": >a.sha256",
        "sed -i s/..$// a.sha256",
        "echo rubbish >>a.sha256",
        "echo '# progress 1' >a.sha256",
    ],
)
def test_exit_code_0_without_whole_results_is_not_valid(site: Site, damage: str) -> None:
    submit(site, f"{proof('a', 'x')}; {damage}", manifests=("a.sha256",))
    assert site.start_job() == 0
    told = end(site)
    assert told is not None
    assert (told.exit_code, told.valid) == (0, False)


def test_manifests_of_an_earlier_attempt_prove_nothing(site: Site) -> None:
    submit(site, "true", manifests=("a.sha256",))
    folder_of(site).mkdir(parents=True)
    subprocess.run(["bash", "-c", proof("a", "x")], cwd=folder_of(site), check=True)
    assert site.start_job() == 0
    assert end(site) == End(0, "77", progress=-1, valid=False)


def test_a_task_that_failed_counts_whatever_srun_says(site: Site) -> None:
    site.fake("srun", FORGETFUL)
    submit(site, "exit $((NEPSBENCH_WORKER * 3))", tasks=2)
    assert site.start_job() == 3
    assert end(site) == End(3, "77", progress=-1)


def test_a_task_that_left_no_word_counts_as_ended_by_force(site: Site) -> None:
    site.fake("srun", FORGETFUL)
    submit(site, "kill -KILL $PPID; exit 0")
    assert site.start_job() == 143
    assert end(site) == End(143, "77", progress=-1)


@pytest.mark.parametrize(
    "srun", ["echo 'srun: error: Unable to create step' >&2; exit 1", "exit 0"]
)
def test_tasks_that_could_not_begin_are_a_refusal(site: Site, srun: str) -> None:
    site.fake("srun", srun)
    submit(site, "true")
    assert site.start_job() != 0
    told = end(site)
    assert told is not None
    assert told.exit_code != 0
    assert told.why == "refused"


def test_a_folder_that_cannot_be_entered_is_a_refusal(site: Site) -> None:
    submit(site, "true")
    folder_of(site).parent.mkdir()
    folder_of(site).touch()
    assert site.start_job() == 73
    assert end(site) == End(73, "77", "refused")


@pytest.mark.parametrize("setup", ["exit 0", "set -e; false", "export X=1; cd /nowhere || exit"])
def test_a_setup_block_that_ends_the_job_is_a_refusal(tmp_path: Path, setup: str) -> None:
    site = Site(tmp_path)
    site.fake("sbatch", "echo 77")
    submit(site, "true")
    job = site.token_folder() / "job.sh"
    broken = Site(tmp_path, setup=setup)
    job.write_text(broken.queue.job_script(submission(("true",))))
    assert site.start_job() == 73
    assert end(site) == End(73, "77", "refused")


def test_a_setup_block_may_set_options_variables_and_folder(tmp_path: Path) -> None:
    site = Site(tmp_path, setup="set -eu; cd /; index=9 directory=/ command=(false); export Y=1")
    site.fake("sbatch", "echo 77")
    site.fake("srun", CORRECT)
    site.visit(submit=(submission(("bash", "-c", 'echo "$Y" >y'), folder=f"{tmp_path}/jobs"),))
    job = site.token_folder() / "job.sh"
    assert site.start_job() == 0, job.read_text()
    assert (folder_of(site) / "y").read_text() == "1\n"


def test_a_marker_that_cannot_be_written_is_a_failure(site: Site) -> None:
    submit(site, "true")
    (site.token_folder() / "ends" / "0.tmp").mkdir(parents=True)
    assert site.start_job() == 74
    assert end(site) is None


def start(site: Site) -> subprocess.Popen:
    """Start the job, and return it when its command says that it is ready."""
    environment = {"PATH": f"{site.commands}:/usr/bin:/bin", "SLURM_JOB_ID": "77"}
    job = site.token_folder() / "job.sh"
    process = subprocess.Popen(["bash", job], env=environment, start_new_session=True)
    deadline = time.monotonic() + 20
    while not (folder_of(site) / "ready").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process


def wait_for_end(site: Site) -> End:
    deadline = time.monotonic() + 20
    while (told := end(site)) is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return told


@pytest.mark.parametrize(("asked", "why"), [(3600, "terminated"), (0, "timeout")])
def test_a_job_that_is_told_to_end_says_so_at_once(site: Site, asked: int, why: str) -> None:
    submit(site, "touch ready; trap '' TERM; sleep 2; exit 5", time_limit=asked)
    process = start(site)
    process.terminate()
    assert wait_for_end(site) == End(143, "77", why)
    assert process.wait(20) == 5
    assert end(site) == End(5, "77", why)


def first_process_of_the_task(site: Site, job: subprocess.Popen) -> psutil.Process:
    """Return the child of srun."""
    srun_path = str(site.commands / "srun")
    processes = psutil.Process(job.pid).children(recursive=True)
    srun = {each.pid for each in processes if command_of(each)[1:2] == [srun_path]}
    return next(each for each in processes if each.ppid() in srun)


@pytest.mark.parametrize("srun", [CORRECT, FORGETFUL])
@pytest.mark.parametrize("all_processes", [False, True])
def test_a_worker_hears_signals_and_its_exit_code_stands(
    site: Site, srun: str, all_processes: bool
) -> None:
    """SLURM signals all processes of a task, or (with cgroups) only the first."""
    obey = "trap 'echo saved >saved; exit 3' USR1; touch ready; while :; do sleep 0.05; done"
    submit(site, obey, time_limit=3600)
    site.fake("srun", f"trap : USR1; {srun}")
    process = start(site)
    task = first_process_of_the_task(site, process)
    told = [task, *task.children(recursive=True)] if all_processes else [task]
    for each in told:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.send_signal(signal.SIGUSR1)
    assert process.wait(20) == 3
    assert end(site) == End(3, "77")
    assert (folder_of(site) / "saved").read_text() == "saved\n"


def test_signals_while_results_are_checked_do_not_spoil_them(site: Site) -> None:
    slow = 'case $1 in --check) touch ready; sleep 1 ;; esac; exec /usr/bin/sha256sum "$@"'
    site.fake("sha256sum", slow)
    submit(site, proof("a", "x"), manifests=("a.sha256",))
    process = start(site)
    os.killpg(process.pid, signal.SIGTERM)
    assert process.wait(20) == 0
    assert end(site) == End(0, "77", progress=-1, valid=True)
