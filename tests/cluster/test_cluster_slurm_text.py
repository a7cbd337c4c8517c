"""What is said to SLURM and what is read from it, without SLURM."""

import math
import shlex
import subprocess
from pathlib import Path

import pytest

from nepsbench.cluster import Completed, Handle, Job, Limits, LostCounter, Phase, Resources
from nepsbench.cluster.definition import ClusterFile, Ssh
from nepsbench.cluster.queues import SlurmQueue, sbatch_options
from nepsbench.cluster.warning import stop_time, time_limit_for, warning_time
from nepsbench.errors import ClusterError, SpecError

NASTY = "a b'c\"d\ne $(touch pwned) `touch pwned` ; & | * \\ ~ % é"


def slurm_file(**changes: object) -> ClusterFile:
    values = {
        "name": "site",
        "kind": "slurm",
        "ssh": Ssh(host="login"),
        "root": "/work",
        "limits": Limits(cpus_per_node=8),
    }
    return ClusterFile.model_validate(values | changes)


def handle(job_id: str, key: str = "job") -> Handle:
    return Handle(key, f"/work/{key}", job_id)


def job(directory: str = "/work/j", command: tuple[str, ...] = ("true",)) -> Job:
    resources = Resources(nodes=2, tasks=6, cpus_per_task=3, memory_mb=1000, time_limit=3601)
    return Job("key-1", directory, command, resources)


def answer_to(script: str, body: str, *, code: int = 0, noise: str = "", stderr: str = ""):
    nonce = script.partition("BEGIN-")[2].partition("\n")[0]
    text = f"{noise}BEGIN-{nonce}\n{body}\nEND-{nonce} {code}\n"
    return Completed(code, text, stderr)


def poll(queue: SlurmQueue, handles: list[Handle], body: str, **how):
    return queue.parse_poll(answer_to(queue.poll_script(handles), body, **how), handles)


def one(body: str, job_id: str = "12"):
    return poll(SlurmQueue(slurm_file()), [handle(job_id)], body).states["job"]


@pytest.fixture
def fake_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder first in PATH; what is put there stands for the site's commands."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def fake(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(f"#!/bin/bash\n{text}\n")
    (folder / name).chmod(0o755)


def run(script: str) -> Completed:
    done = subprocess.run(["bash", "-s"], input=script, capture_output=True, text=True)
    return Completed(done.returncode, done.stdout, done.stderr)


def test_options_carry_resources_names_and_the_sites_words() -> None:
    file = slurm_file(partition="cpu", account="a b", options=("--gres=gpu:1",))
    options = sbatch_options(job(), file)
    for expected in (
        "--job-name=nb-key-1", "--comment=nb-key-1", "--nodes=2", "--ntasks=6",
        "--cpus-per-task=3", "--mem-per-cpu=334", "--time=61", "--signal=USR1@120",
        "--open-mode=append", "--requeue", "--partition=cpu", "--account=a b", "--gres=gpu:1",
    ):  # fmt: skip
        assert expected in options


@pytest.mark.parametrize(("limit", "warning"), [(3600, 120), (60, 15), (2, 1), (1, 1)])
def test_workers_are_warned_before_the_time_limit(limit: int, warning: int) -> None:
    assert warning_time(limit) == warning


@pytest.mark.parametrize("seconds", [1, 45, 359.5, 360, 361, 3480, 86_400])
def test_a_time_limit_leaves_the_seconds_that_it_was_asked_for_and_few_more(seconds: float) -> None:
    limit = math.ceil(time_limit_for(seconds))
    assert seconds <= stop_time(limit) < seconds + 2


def test_nasty_words_reach_sbatch_and_the_job_as_they_are(fake_commands, tmp_path) -> None:
    directory = str(tmp_path / NASTY.replace("\n", " "))
    fake(fake_commands, "squeue", "exit 0")
    fake(fake_commands, "sbatch", 'printf "%s\\0" "$@" > arguments; echo 77')
    fake(
        fake_commands, "srun", 'while [ "$1" != nepsbench ]; do shift; done; printf %s "$2" > said'
    )
    queue = SlurmQueue(slurm_file(account=NASTY, options=(NASTY,)))
    wanted = job(directory, (NASTY,))
    assert queue.parse_submit(run(queue.submit_script(wanted)), wanted).job_id == "77"
    arguments = Path(directory, "arguments").read_text().split("\0")
    assert f"--account={NASTY}" in arguments
    assert NASTY in arguments
    done = subprocess.run(["bash", "job.sh"], cwd=directory, env={"SLURM_JOB_ID": "77",
                          "PATH": f"{fake_commands}:/usr/bin:/bin"}, check=False)  # fmt: skip
    assert done.returncode == 0
    assert Path(directory, "said").read_text() == NASTY
    assert Path(directory, "exit").read_text() == "0 77\n"
    assert not list(tmp_path.rglob("pwned"))


def test_a_job_found_by_its_name_is_adopted_and_not_submitted_again(fake_commands, tmp_path):
    fake(fake_commands, "squeue", 'echo "55|RUNNING|nb-key-10"; echo "56|PENDING|nb-key-1"')
    fake(fake_commands, "sbatch", "echo called >&2; exit 1")
    queue, wanted = SlurmQueue(slurm_file()), job(str(tmp_path / "j"))
    assert queue.parse_submit(run(queue.submit_script(wanted)), wanted).job_id == "56"


def test_nothing_is_submitted_while_the_queue_cannot_be_asked(fake_commands, tmp_path) -> None:
    fake(fake_commands, "squeue", "echo slurm_load_jobs error >&2; exit 1")
    fake(fake_commands, "sbatch", f"touch {shlex.quote(str(tmp_path))}/called; echo 1")
    queue, wanted = SlurmQueue(slurm_file()), job(str(tmp_path / "j"))
    with pytest.raises(ClusterError, match="slurm_load_jobs error"):
        queue.parse_submit(run(queue.submit_script(wanted)), wanted)
    assert not (tmp_path / "called").exists()


def test_a_refusal_shows_slurms_own_words(fake_commands, tmp_path) -> None:
    fake(fake_commands, "squeue", "exit 0")
    fake(fake_commands, "sbatch", "echo 'sbatch: error: invalid partition' >&2; exit 1")
    queue, wanted = SlurmQueue(slurm_file()), job(str(tmp_path / "j"))
    with pytest.raises(ClusterError, match="key-1 was not submitted: sbatch: error: invalid part"):
        queue.parse_submit(run(queue.submit_script(wanted)), wanted)
    assert not Path(wanted.directory, "id").exists()


def test_an_id_with_a_cluster_is_kept_polled_and_cancelled_there(fake_commands, tmp_path) -> None:
    fake(fake_commands, "squeue", f'echo "$@" > {tmp_path}/squeue; echo "queue|9|RUNNING||n1"')
    fake(fake_commands, "scancel", f'echo "$@" > {tmp_path}/scancel')
    queue, wanted = SlurmQueue(slurm_file()), job(str(tmp_path / "j"))
    script = queue.submit_script(wanted)
    known = queue.parse_submit(answer_to(script, "id 9;north"), wanted)
    assert known.job_id == "9;north"
    snapshot = queue.parse_poll(run(queue.poll_script([known])), [known])
    assert snapshot.states["key-1"].phase is Phase.ACTIVE
    assert "-M north" in (tmp_path / "squeue").read_text()
    Path(wanted.directory).mkdir()
    assert run(queue.cancel_script([known])).exit_code == 0
    assert (tmp_path / "scancel").read_text() == "--quiet -M north 9\n"


def test_half_a_script_does_nothing(tmp_path: Path) -> None:
    script = SlurmQueue(slurm_file()).submit_script(job(str(tmp_path / "j")))
    run(script[: len(script) // 2])
    assert not (tmp_path / "j").exists()


def test_a_script_is_valid_for_any_setup_block() -> None:
    for setup in ("", "module load x # comment", "export A='b'"):
        queue = SlurmQueue(slurm_file(setup=setup))
        for text in (queue.submit_script(job()), queue.job_script(job()), queue.poll_script([])):
            checked = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True)
            assert checked.returncode == 0, checked.stderr


def test_noise_around_the_answer_is_left_out() -> None:
    queue = SlurmQueue(slurm_file())
    noise = "Welcome!\nqueue|12|FAILED|x|y\nmarker|0|0 12|\nBEGIN-0\n"
    body = "queue|12|RUNNING|None|n1\nmarker|0||"
    state = poll(queue, [handle("12")], body, noise=noise).states["job"]
    assert (state.phase, state.node) == (Phase.ACTIVE, "n1")


def test_every_beginning_of_an_answer_is_no_answer() -> None:
    queue, handles = SlurmQueue(slurm_file()), [handle("12"), handle("13", "other")]
    body = "queue|12|RUNNING|None|n1\nmarker|0||\nmarker|1|0 13|"
    whole = answer_to(queue.poll_script(handles), body).stdout
    assert queue.parse_poll(Completed(0, whole, ""), handles).healthy
    for end in range(len(whole) - 1):
        snapshot = queue.parse_poll(Completed(0, whole[:end], ""), handles)
        assert not snapshot.healthy
        assert not snapshot.states


def test_a_failed_squeue_is_unhealthy_and_says_why() -> None:
    queue = SlurmQueue(slurm_file())
    snapshot = poll(queue, [handle("12")], "", code=75, stderr="Unable to contact\nslurmctld")
    assert not snapshot.healthy
    assert "Unable to contact slurmctld" in snapshot.problem


@pytest.mark.parametrize(
    ("body", "phase"),
    [
        ("queue|12|PENDING|Priority|\nmarker|0||", Phase.QUEUED),
        ("queue|12|RUNNING|None|n1\nmarker|0||", Phase.ACTIVE),
        ("queue|12|COMPLETING|None|n1\nmarker|0||", Phase.ACTIVE),
        ("queue|12|SOMETHING_NEW|None|n1\nmarker|0||", Phase.ACTIVE),
        ("queue|12|PREEMPTED|None|n1\nmarker|0||", Phase.QUEUED),
        ("queue|12|COMPLETED|None|n1\nmarker|0|0 12|", Phase.SUCCEEDED),
        ("queue|12|COMPLETED|None|n1\nmarker|0||", Phase.MISSING),
        ("queue|12|FAILED|NonZeroExitCode|n1\nmarker|0|7 12|", Phase.FAILED),
        ("queue|12|FAILED|JobLaunchFailure|n1\nmarker|0||", Phase.FAILED),
        ("queue|12|TIMEOUT|TimeLimit|n1\nmarker|0||", Phase.TIMEOUT),
        ("queue|12|OUT_OF_MEMORY|None|n1\nmarker|0|0 12|", Phase.OUT_OF_MEMORY),
        ("queue|12|NODE_FAIL|None|n1\nmarker|0||", Phase.NODE_FAILURE),
        ("queue|12|CANCELLED|None|n1\nmarker|0||", Phase.CANCELLED),
        ("marker|0||", Phase.MISSING),
        ("marker|0|0 12|", Phase.SUCCEEDED),
        ("marker|0|7 12|", Phase.FAILED),
        ("marker|0||12", Phase.CANCELLED),
        ("marker|0|0 11|", Phase.MISSING),
        ("marker|0||11", Phase.MISSING),
        ("queue|12|PENDING|BeginTime|\nmarker|0|143 12|", Phase.QUEUED),
        ("queue|13|RUNNING|None|n1\nmarker|0||", Phase.MISSING),
        ("marker|0|x|", Phase.MISSING),
    ],
)
def test_the_phase_that_an_answer_means(body: str, phase: Phase) -> None:
    assert one(body).phase is phase


def test_an_answer_about_fewer_jobs_than_asked_is_unhealthy() -> None:
    queue = SlurmQueue(slurm_file())
    assert not poll(queue, [handle("1", "a"), handle("2", "b")], "marker|0|0 1|").healthy


def test_only_missing_jobs_in_healthy_snapshots_in_a_row_become_lost() -> None:
    queue, handles = SlurmQueue(slurm_file()), [handle("12")]
    counter = LostCounter(patience=2)

    def phase(body: str, **how) -> Phase | None:
        state = counter.settle(poll(queue, handles, body, **how)).states.get("job")
        return state and state.phase

    assert phase("marker|0||") is Phase.MISSING
    assert phase("", code=75) is None
    assert phase("queue|12|RUNNING||n1\nmarker|0||") is Phase.ACTIVE
    assert phase("marker|0||") is Phase.MISSING
    again = LostCounter(patience=2, missed=dict(counter.missed))
    assert again.settle(poll(queue, handles, "marker|0||")).states["job"].phase is Phase.LOST


@pytest.mark.parametrize("key", ["", "a b", "-x", "a/b", "$(x)", "a\n"])
def test_a_job_key_that_is_no_plain_word_is_refused(key: str) -> None:
    with pytest.raises(SpecError, match="use letters"):
        Job(key, "/work", ("true",), Resources())


def test_a_relative_job_directory_is_refused() -> None:
    with pytest.raises(SpecError, match="must be absolute"):
        job("work/j")
