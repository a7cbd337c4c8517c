"""The slurm kind of cluster: real sbatch, squeue and scancel, through a real sshd."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nepsbench.cluster import (
    Cause,
    Cluster,
    Job,
    Outcome,
    Work,
    drive,
    open_cluster,
    open_ledger,
)
from nepsbench.cluster.check import Verdict, check
from nepsbench.cluster.install import install, installed_version, require_same_version
from nepsbench.errors import ClusterError, VersionMismatchError
from nepsbench.provenance import code_version

pytestmark = [pytest.mark.slurm]


def settle(slurm: Cluster, home: Path, *jobs: Job) -> dict[str, Work]:
    """Drive until the jobs are settled."""
    keys = [job.key for job in jobs]
    with open_ledger(home) as ledger:
        ledger.want(slurm.file.name, jobs, "test")
        drive(slurm, ledger, keys)
        return ledger.works(keys)


def test_a_job_runs_its_tasks_in_a_folder_with_an_odd_name(make_job, slurm, tmp_path) -> None:
    say = 'echo "$NEPSBENCH_WORKER $NEPSBENCH_JOB_ID $OMP_NUM_THREADS" > w$NEPSBENCH_WORKER'
    job = make_job(say, tasks=2, folder="a 'b' $(c) %j; & ")
    assert settle(slurm, tmp_path, job)[job.key].outcome is Outcome.SUCCEEDED
    with open_ledger(tmp_path) as ledger:
        job_id = ledger.latest([job.key])[job.key].job_id
    for worker in range(2):
        written = Path(job.directory, f"w{worker}").read_text().split()
        assert written == [str(worker), job_id, "1"]


def test_a_failed_job_tells_its_exit_code_and_runs_again(make_job, slurm, tmp_path) -> None:
    job = make_job("echo x >> runs; [ $(wc -l < runs) = 2 ] || { echo why >&2; exit 7; }")
    assert settle(slurm, tmp_path, job)[job.key].outcome is Outcome.SUCCEEDED
    with open_ledger(tmp_path) as ledger:
        first, second = ledger.attempts([job.key])
    assert (first.exit_code, first.cause, first.said) == (7, Cause.APPLICATION, "why")
    assert second.job_id != first.job_id


def test_another_home_under_the_same_account_is_left_alone(make_job, slurm, tmp_path) -> None:
    """Two data homes share queue and root; neither sees the other's jobs as its own."""
    jobs = [make_job("echo x >> runs; sleep 2") for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        homes = [tmp_path / "one", tmp_path / "two"]
        files = [slurm.file, slurm.file]

        def run(number: int) -> Outcome:
            with open_cluster(files[number]) as own:
                return settle(own, homes[number], jobs[number])[jobs[number].key].outcome

        assert list(pool.map(run, range(2))) == [Outcome.SUCCEEDED] * 2
    assert [Path(job.directory, "runs").read_text() for job in jobs] == ["x\n"] * 2


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
