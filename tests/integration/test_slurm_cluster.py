"""The slurm kind of cluster: real sbatch, squeue and scancel, through a real sshd."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nepsbench.cluster import Cluster, Handle, Phase, open_cluster
from nepsbench.cluster.check import Verdict, check
from nepsbench.cluster.install import install, installed_version, require_same_version
from nepsbench.errors import ClusterError, VersionMismatchError
from nepsbench.provenance import code_version

# The slow jobs run beside these tests; test_slurm_time_limit.py looks at them.
pytestmark = [
    pytest.mark.slurm,
    pytest.mark.usefixtures("slow_jobs"),
    pytest.mark.xdist_group("slurm"),
]


def test_a_job_runs_its_tasks_in_a_folder_with_an_odd_name(
    make_job, slurm: Cluster, wait_for
) -> None:
    say = 'echo "$NEPSBENCH_WORKER $NEPSBENCH_JOB_ID $OMP_NUM_THREADS" > w$NEPSBENCH_WORKER'
    job = make_job(slurm, say, tasks=2, folder="a 'b' $(c) %j; & ")
    handle = slurm.submit(job)
    assert wait_for(slurm, handle, Phase.SUCCEEDED).exit_code == 0
    for worker in range(2):
        written = Path(job.directory, f"w{worker}").read_text().split()
        assert written == [str(worker), handle.job_id, "1"]


def test_two_submissions_at_once_are_one_job(make_job, slurm, slurm_file, wait_for) -> None:
    job = make_job(slurm, "echo x >> runs; sleep 1")

    def submit(_: int) -> Handle:
        with open_cluster(slurm_file) as own:
            return own.submit(job)

    with ThreadPoolExecutor(4) as pool:
        handles = set(pool.map(submit, range(4)))
    assert len(handles) == 1
    wait_for(slurm, *handles, Phase.SUCCEEDED)
    assert {slurm.submit(job)} == handles
    assert Path(job.directory, "runs").read_text() == "x\n"


def test_a_job_whose_id_was_never_recorded_is_adopted_by_its_name(
    make_job, slurm, wait_for
) -> None:
    job = make_job(slurm, "echo x >> runs; sleep 2")
    first = slurm.submit(job)
    Path(job.directory, "id").unlink()
    assert slurm.submit(job) == first
    wait_for(slurm, first, Phase.SUCCEEDED)
    assert Path(job.directory, "runs").read_text() == "x\n"


def test_a_failed_job_tells_its_exit_code_and_runs_again_when_submitted(
    make_job, slurm, wait_for
) -> None:
    job = make_job(slurm, "echo x >> runs; [ $(wc -l < runs) = 2 ] || exit 7")
    first = slurm.submit(job)
    assert wait_for(slurm, first, Phase.FAILED, native="FAILED").exit_code == 7
    second = slurm.submit(job)
    assert second.job_id != first.job_id
    wait_for(slurm, second, Phase.SUCCEEDED)


def test_a_refused_submission_shows_slurms_words(make_job, slurm_file) -> None:
    with open_cluster(slurm_file.model_copy(update={"partition": "nowhere"})) as cluster:
        job = make_job(cluster, "true")
        with pytest.raises(ClusterError, match="invalid partition specified: nowhere"):
            cluster.submit(job)


def test_running_and_waiting_jobs_are_cancelled(make_job, slurm: Cluster, wait_for) -> None:
    running = slurm.submit(make_job(slurm, "trap 'exit 0' TERM; sleep 60 & wait"))
    big = make_job(slurm, "true", tasks=4)
    waiting = slurm.submit(big)
    wait_for(slurm, running, Phase.ACTIVE)
    assert slurm.poll([waiting]).states[big.key].phase is Phase.QUEUED
    slurm.cancel([running, waiting])
    for handle in (running, waiting):
        wait_for(slurm, handle, Phase.CANCELLED)
    slurm.cancel([running, waiting])


def test_all_handles_are_told_apart_in_one_poll(make_job, slurm: Cluster, wait_for) -> None:
    good, bad = (slurm.submit(make_job(slurm, f"exit {code}")) for code in (0, 3))
    wait_for(slurm, good, Phase.SUCCEEDED)
    wait_for(slurm, bad, Phase.FAILED)
    stranger = Handle("stranger", "/nowhere", "999999")
    states = slurm.poll([good, bad, stranger]).states
    phases = [states[handle.key].phase for handle in (good, bad, stranger)]
    assert phases == [Phase.SUCCEEDED, Phase.FAILED, Phase.MISSING]


def test_files_go_there_and_back_unchanged(slurm: Cluster, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom(3_000_000))
    folder = slurm.path("files", "a 'b' $(c)")
    slurm.put_files([(source, f"{folder}/results/{n} x.journal") for n in range(3)])
    fetched = slurm.fetch(folder, "results/*.journal", tmp_path / "here")
    assert [path.name for path in fetched] == ["0 x.journal", "1 x.journal", "2 x.journal"]
    assert all(path.read_bytes() == source.read_bytes() for path in fetched)
    assert not list(Path(folder).rglob("*.part"))
    with pytest.raises(ClusterError, match="cannot copy"):
        slurm._transport.get(f"{folder}/none", tmp_path / "none")


def test_a_broken_connection_is_an_error_and_the_next_call_makes_a_new_one(slurm_file) -> None:
    with open_cluster(slurm_file) as cluster:
        assert cluster.run("echo before").stdout == "before\n"
        with pytest.raises(ClusterError):
            cluster.run("echo half; kill -KILL $PPID; sleep 5")
        assert cluster.run("echo after").stdout == "after\n"


def test_a_wrong_host_key_is_refused_with_both_fingerprints(slurm_file, tmp_path) -> None:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "k"], check=True
    )
    kind, key = (tmp_path / "k.pub").read_text().split()[:2]
    known_hosts = tmp_path / "known_hosts"
    known_hosts.write_text(f"[{slurm_file.ssh.host}]:{slurm_file.ssh.port} {kind} {key}\n")
    ssh = slurm_file.ssh.model_copy(update={"known_hosts": known_hosts})
    with (
        open_cluster(slurm_file.model_copy(update={"ssh": ssh})) as cluster,
        pytest.raises(ClusterError) as caught,
    ):
        cluster.run("true")
    message = str(caught.value)
    assert message.count("SHA256:") == 2
    assert "127.0.0.1" in message
    assert "\n" not in message


def test_an_unknown_host_is_refused(slurm_file, tmp_path: Path) -> None:
    ssh = slurm_file.ssh.model_copy(update={"known_hosts": tmp_path / "none"})
    with (
        open_cluster(slurm_file.model_copy(update={"ssh": ssh})) as cluster,
        pytest.raises(ClusterError, match="compare it with what the site publishes"),
    ):
        cluster.run("true")


def test_install_puts_this_version_there_once_and_jobs_run_it(slurm: Cluster) -> None:
    environment = install(slurm)
    marker = Path(environment, "installed").stat().st_mtime_ns
    assert install(slurm) == environment
    assert Path(environment, "installed").stat().st_mtime_ns == marker
    assert installed_version(slurm) == code_version()
    code = "import nepsbench; print(nepsbench.__file__)"
    command = slurm.python_command("-c", f"'{code}'")
    assert slurm.run(" ".join(command)).stdout.startswith(f"{environment}/site/")
    assert not [item for item in check(slurm) if item.verdict is Verdict.MISSING]


def test_another_version_there_is_refused_before_submission(slurm_file, tmp_path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "v"], check=True)
    changes = {"python": f"{tmp_path}/v/bin/python", "root": f"{tmp_path}/root"}
    with (
        open_cluster(slurm_file.model_copy(update=changes)) as cluster,
        pytest.raises(VersionMismatchError, match="nepsbench cluster install dev-slurm"),
    ):
        require_same_version(cluster)
