"""What a worker writes, and what it does when something is wrong."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time

import pytest
import torch
from training_jobs import journal_records, left, trial
from typer.testing import CliRunner

from nepsbench.cli.main import app
from nepsbench.cluster.warning import stop_time
from nepsbench.errors import CorruptedFileError, DatasetError, SpecError, StorageError
from nepsbench.journal import JournalWriter
from nepsbench.manifest import read_manifest
from nepsbench.schema import PUBLISHED_METRICS, TRAINED_METRICS, TRIAL_COLUMNS
from nepsbench.training import sealed
from nepsbench.training import trial as trial_module
from nepsbench.training.recipe import Settings
from nepsbench.training.worker import run_worker

pytestmark = pytest.mark.whole


def test_the_journal_has_every_metric_and_the_provenance(make_job, tmp_path):
    job = make_job("j", [trial(1)], target_epochs=2)
    summary = run_worker(job, 0)
    begin, *epochs, record = journal_records(job)
    assert begin == {"kind": "begin", "taskid": 0, "model_idx": 1}
    assert [r["epoch"] for r in epochs] == [1, 2]
    measured = {m.name for m in TRAINED_METRICS if m.table == "epochs"}
    told = measured - {"energy"}  # a node need not tell it
    assert all(told <= set(r["metrics"]) <= measured for r in epochs)
    assert all(r["metrics"]["peak_memory"] >= r["metrics"]["memory_ram"] > 1 for r in epochs)
    assert record["status"] == "complete"
    assert record["reason"] is None
    assert record["job_id"] is None
    assert record["params"] == pytest.approx(4822e-6)
    known_elsewhere = {"profile", "origin", "config_id", "architecture_id", "seed", "space"}
    known_elsewhere |= {"space_version", "dataset", "mlflow_run_id"}
    columns = {c.name for c in TRIAL_COLUMNS} - known_elsewhere
    columns -= {m.name for m in PUBLISHED_METRICS}
    assert set(record) - {"kind"} == columns
    assert record["started"] < record["ended"]
    assert summary.counts == read_manifest(job / "results/worker-0.sha256").outcomes
    assert (tmp_path / "c" / "checkpoints" / "0" / "1.pt").is_file()


def test_running_a_finished_job_again_changes_nothing(make_job):
    job = make_job("j", [trial(1), trial(2)], target_epochs=1)
    run_worker(job, 0)
    journal = job / "results" / "worker-0.journal"
    before = journal.read_bytes()
    assert run_worker(job, 0).counts["complete"] == 2
    assert journal.read_bytes() == before


def is_proven(job, worker=0):
    """Return what the job's script asks: does sha256sum agree, in the job's folder?"""
    command = ["sha256sum", "-c", "--strict", "--quiet", f"results/worker-{worker}.sha256"]
    return subprocess.run(command, cwd=job, capture_output=True, check=False).returncode == 0


def test_the_manifest_proves_the_journal_and_tells_the_progress(make_job):
    job = make_job("j", [trial(1), trial(2)], [trial(3)], target_epochs=2)
    run_worker(job, 0)
    assert is_proven(job, 0)
    assert not is_proven(job, 1)
    text = (job / "results" / "worker-0.sha256").read_text()
    assert text.startswith("# progress 4\n")
    journal = job / "results" / "worker-0.journal"
    journal.write_bytes(journal.read_bytes() + b" ")
    assert not is_proven(job, 0)


def test_a_worker_that_stops_early_proves_what_it_has(make_job):
    job = make_job("j", [trial(1, N=5)], target_epochs=200, time_limit=4)
    assert run_worker(job, 0).remaining == 1
    epochs = sum(record["kind"] == "epoch" for record in journal_records(job))
    assert is_proven(job)
    assert read_manifest(job / "results" / "worker-0.sha256").progress == epochs >= 1


def test_no_manifest_stands_while_a_worker_runs_or_after_it_failed(make_job, monkeypatch):
    def full(*_arguments, **_options):
        assert not manifest.exists()
        raise StorageError("the disk is full")

    job = make_job("j", [trial(1)], target_epochs=1)
    manifest = job / "results" / "worker-0.sha256"
    run_worker(job, 0)
    assert manifest.exists()
    (job / "results" / "worker-0.journal").unlink()
    monkeypatch.setattr(trial_module, "initial_state", full)
    with pytest.raises(StorageError):
        run_worker(job, 0)
    assert not manifest.exists()


def test_a_worker_that_is_refused_leaves_the_manifest_of_the_one_before(make_job):
    job = make_job("j", [trial(1)], target_epochs=1)
    run_worker(job, 0)
    with (
        JournalWriter(job / "results" / "worker-0.journal"),
        pytest.raises(StorageError, match="running already"),
    ):
        run_worker(job, 0)
    assert is_proven(job)


def test_the_time_limit_is_that_of_the_attempt(make_job, monkeypatch):
    job = make_job("j", [trial(1)], target_epochs=2, time_limit=60)
    monkeypatch.setenv("NEPSBENCH_STARTED", str(int(time.time()) - 70))
    assert run_worker(job, 0).counts["pending"] == 1
    monkeypatch.setenv("NEPSBENCH_TIME_LIMIT", "120")
    assert run_worker(job, 0).counts["complete"] == 1


def test_a_trial_that_reached_the_target_elsewhere_is_told_by_this_journal_too(make_job):
    run_worker(make_job("first", [trial(1)], target_epochs=2), 0)
    again = make_job("second", [trial(1)], target_epochs=2)
    run_worker(again, 0)
    _begin, record = journal_records(again)
    assert (record["kind"], record["status"], record["epochs"]) == ("trial", "complete", 2)


def test_runtime_and_start_continue_over_waves(make_job):
    pilot = make_job("pilot", [trial(1)], target_epochs=1)
    wave = make_job("wave", [trial(1)], target_epochs=2)
    run_worker(pilot, 0)
    run_worker(wave, 0)
    first, second = journal_records(pilot)[1]["metrics"], journal_records(wave)[1]["metrics"]
    assert second["runtime"] > first["runtime"] + second["train_duration"]
    assert left(pilot)[1]["started"] == left(wave)[1]["started"]


def test_a_diverging_trial_ends_with_its_reason_and_the_next_goes_on(make_job, monkeypatch):
    true_rate = Settings.rate

    def rate(self, epoch, share=0.0):
        late = self.learning_rate == 1.0 and epoch == 2
        return 1e38 if late else true_rate(self, epoch, share)

    monkeypatch.setattr(Settings, "rate", rate)
    job = make_job("j", [trial(1, LearningRate=1.0, Op1=2), trial(2)], target_epochs=3)
    assert run_worker(job, 0).counts == {
        "complete": 1, "diverged": 1, "failed": 0, "timeout": 0, "oom": 0, "pending": 0,
    }  # fmt: skip
    record = left(job)[1]
    assert (record["status"], record["epochs"]) == ("diverged", 1)
    assert record["reason"].startswith("epoch 2: train loss is ")
    assert "NaN" not in (job / "results" / "worker-0.journal").read_text()


def test_a_failing_trial_does_not_stop_its_worker(make_job):
    job = make_job("j", [trial(1, W=5), trial(2)], target_epochs=1)
    assert run_worker(job, 0).counts["complete"] == 1
    assert left(job)[1]["status"] == "failed"
    assert left(job)[1]["reason"] == "W=5 is not a choice; choose one of 4, 8, 16"


def test_running_out_of_memory_is_told_apart(make_job, monkeypatch):
    monkeypatch.setattr(trial_module, "initial_state", lambda *_, **__: torch.empty(1 << 50))
    job = make_job("j", [trial(1)])
    run_worker(job, 0)
    assert left(job)[1]["status"] == "oom"


def test_an_unexpected_error_becomes_a_reason_of_one_line(make_job, monkeypatch):
    def fail(*_arguments, **_options):
        raise ValueError("first line\nsecond line")

    monkeypatch.setattr(trial_module, "initial_state", fail)
    job = make_job("j", [trial(1)])
    run_worker(job, 0)
    assert left(job)[1]["reason"] == "ValueError: first line"


def test_the_time_limit_ends_the_trial_as_timeout_and_the_next_uses_what_is_left(make_job):
    job = make_job("j", [trial(1, N=5), trial(2)], target_epochs=200, time_limit=4)
    start = time.monotonic()
    summary = run_worker(job, 0)
    assert time.monotonic() - start < stop_time(4) + 0.5
    assert summary.remaining == 2
    record = left(job)[1]
    assert record["status"] == "timeout"
    assert "time limit of 4 s" in record["reason"]
    assert record["epochs"] >= 1


def test_a_job_that_started_long_ago_has_no_time_left(make_job, monkeypatch):
    monkeypatch.setenv("NEPSBENCH_STARTED", str(int(time.time()) - 46))
    job = make_job("j", [trial(1)], time_limit=60)
    assert run_worker(job, 0).counts["pending"] == 1
    assert journal_records(job) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SLURM_JOB_START_TIME", "100"),  # of the shell that everything was started from
        ("NEPSBENCH_STARTED", "99999999999"),
        ("NEPSBENCH_STARTED", "nan"),
        ("NEPSBENCH_STARTED", "soon"),
    ],
)
def test_a_start_that_cannot_be_is_not_believed(make_job, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    job = make_job("j", [trial(1)], target_epochs=200, time_limit=4)
    assert run_worker(job, 0).counts["timeout"] == 1


def test_a_damaged_checkpoint_fails_its_trial_and_names_the_remedy(make_job, tmp_path):
    run_worker(make_job("pilot", [trial(1)], target_epochs=1), 0)
    path = tmp_path / "c" / "checkpoints" / "0" / "1.pt"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    wave = make_job("wave", [trial(1)], target_epochs=2)
    run_worker(wave, 0)
    assert left(wave)[1]["status"] == "failed"
    assert f"{path}: damaged checkpoint" in left(wave)[1]["reason"]
    path.unlink()
    run_worker(wave, 0)
    assert left(wave)[1]["status"] == "complete"


@pytest.mark.parametrize("cut", [1, 40, 10**9])
def test_a_torn_checkpoint_is_noticed(make_job, tmp_path, cut):
    run_worker(make_job("pilot", [trial(1)], target_epochs=1), 0)
    path = tmp_path / "c" / "checkpoints" / "0" / "1.pt"
    path.write_bytes(path.read_bytes()[:-cut])
    wave = make_job("wave", [trial(1)], target_epochs=2)
    run_worker(wave, 0)
    assert "damaged checkpoint" in left(wave)[1]["reason"]


def test_the_checkpoint_of_another_trial_is_refused(make_job):
    run_worker(make_job("pilot", [trial(1, seed=1)], target_epochs=1), 0)
    wave = make_job("wave", [trial(1, seed=2)], target_epochs=2)
    run_worker(wave, 0)
    assert "checkpoint of seed 1, expected 2" in left(wave)[1]["reason"]


def test_a_full_disk_stops_the_worker_and_keeps_the_last_checkpoint(
    make_job, monkeypatch, tmp_path
):
    run_worker(make_job("pilot", [trial(1)], target_epochs=1), 0)
    path = tmp_path / "c" / "checkpoints" / "0" / "1.pt"
    before = path.read_bytes()

    def full(*_arguments, **_options):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(sealed, "sha256", full)
    monkeypatch.setattr(trial_module, "read_checkpoint", lambda *_: None)
    with pytest.raises(StorageError, match="the disk is full"):
        run_worker(make_job("wave", [trial(1), trial(2)], target_epochs=2), 0)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["1.pt"]


KILLED_IN_IT = """
import os, signal, sys
from pathlib import Path
from nepsbench.training import trial, worker

def run_out_of_memory(space, configuration, problem, **options):
    if configuration["W"] == 16:
        os.kill(os.getpid(), signal.SIGKILL)  # as the kernel does
    return build(space, configuration, problem, **options)

build, trial.initial_state = trial.initial_state, run_out_of_memory
worker.run_worker(Path(sys.argv[1]), 0)
"""


def test_a_trial_that_kills_its_worker_twice_is_given_up_and_the_next_go_on(make_job):
    run_worker(make_job("pilot", [trial(1, W=16)], target_epochs=1), 0)
    job = make_job("wave", [trial(1, W=16), trial(2)], target_epochs=2)
    codes = [
        subprocess.run([sys.executable, "-c", KILLED_IN_IT, str(job)], check=False).returncode
        for _ in range(4)
    ]
    assert codes == [-9, -9, 0, 0]
    record = left(job)[1]
    assert (record["status"], record["epochs"]) == ("failed", 1)
    assert record["reason"].startswith("its worker was killed 2 times in it")
    assert left(job)[2]["status"] == "complete"
    again = make_job("again", [trial(1, W=16)], target_epochs=2)
    assert run_worker(again, 0).counts["complete"] == 1


def test_a_worker_that_ends_by_itself_leaves_no_trial_as_begun(make_job, monkeypatch):
    def full(*_arguments, **_options):
        raise StorageError("the disk is full")

    job = make_job("j", [trial(1)], target_epochs=1)
    with monkeypatch.context() as patch:
        patch.setattr(trial_module, "initial_state", full)
        for _ in range(3):
            with pytest.raises(StorageError):
                run_worker(job, 0)
    assert run_worker(job, 0).counts["complete"] == 1


def test_a_second_process_for_the_same_worker_is_refused(make_job):
    job = make_job("j", [trial(1)], target_epochs=1)
    with (
        JournalWriter(job / "results" / "worker-0.journal"),
        pytest.raises(StorageError, match="running already"),
    ):
        run_worker(job, 0)


def test_what_trained_the_epochs_is_kept_over_waves(make_job, monkeypatch):
    here = trial_module.provenance.environment()
    for target, device in enumerate(("CPU A", "CPU B", "CPU A"), start=1):
        monkeypatch.setattr(
            trial_module.provenance, "environment", lambda d=device: {**here, "device": d}
        )
        job = make_job(f"w{target}", [trial(1)], target_epochs=target)
        run_worker(job, 0)
    record = left(job)[1]
    assert record["device"] == "CPU A; CPU B"
    assert (record["torch_version"], record["host"]) == (here["torch_version"], here["host"])


def test_what_killed_writers_left_is_removed(make_job, tmp_path):
    folder = tmp_path / "c" / "checkpoints" / "0"
    folder.mkdir(parents=True)
    (folder / ".1.pt.4711.part").write_bytes(b"torn")
    run_worker(make_job("j", [trial(1)], target_epochs=1), 0)
    assert [path.name for path in folder.iterdir()] == ["1.pt"]


def test_the_dataset_version_is_the_jobs(make_job, datasets_root, tmp_path):
    shutil.copytree(datasets_root, tmp_path / "data")
    version = next((tmp_path / "data" / "digits").iterdir())
    shutil.copytree(version, version.with_name("1-000000000000"))
    root = str(tmp_path / "data")
    job = make_job("a", [trial(1)], target_epochs=1, datasets_directory=root)
    assert run_worker(job, 0).counts["complete"] == 1
    assert left(job)[1]["dataset_version"] == version.name
    gone = make_job("b", [trial(1)], datasets_directory=root, dataset_version="1-1")
    with pytest.raises(DatasetError, match="not prepared there in version 1-1"):
        run_worker(gone, 0)


def test_results_that_are_a_file_are_one_line(make_job):
    job = make_job("j", [trial(1)])
    (job / "results").write_text("")
    with pytest.raises(StorageError, match="cannot be written: File exists"):
        run_worker(job, 0)


def test_a_damaged_journal_is_refused_with_what_helps_on_the_node(make_job):
    job = make_job("j", [trial(1)], target_epochs=1)
    run_worker(job, 0)
    path = job / "results" / "worker-0.journal"
    path.write_bytes(path.read_bytes().replace(b"begin", b"begun", 1))
    with pytest.raises(CorruptedFileError, match=r"line 1 is damaged .*delete it and the checkpo"):
        run_worker(job, 0)


def test_checkpoints_load_without_running_pickled_code(make_job, tmp_path):
    run_worker(make_job("j", [trial(1)], target_epochs=1), 0)
    content = torch.load(tmp_path / "c" / "checkpoints" / "0" / "1.pt", weights_only=True)
    assert content["epoch"] == 1
    assert content["identity"]["seed"] == 1


def test_a_missing_dataset_stops_the_worker_with_one_line(make_job, tmp_path):
    job = make_job("j", [trial(1)], datasets_directory=str(tmp_path))
    with pytest.raises(DatasetError, match="run the initialize stage"):
        run_worker(job, 0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"target_epochs": 0}, r"job\.json: target_epochs: .*greater than 0"),
        ({"colour": "red"}, r"job\.json: unknown key 'colour'.*plan the job again"),
        ({"target_epochs": 201}, "recipe nepsbench101/2 ends at epoch 200, 201 were asked for"),
        ({"recipe": "other"}, "unknown recipe 'other'; there are: amber"),
    ],
)
def test_a_job_that_cannot_be_done_is_refused(make_job, changes, message):
    with pytest.raises(SpecError, match=message):
        run_worker(make_job("j", [trial(1)], **changes), 0)


def test_a_worker_that_the_job_does_not_have_is_refused(make_job, tmp_path):
    with pytest.raises(SpecError, match="has no worker 1"):
        run_worker(make_job("j", [trial(1)]), 1)
    with pytest.raises(SpecError, match="no such file; give the folder of a planned job"):
        run_worker(tmp_path, 0)


def test_a_damaged_portfolio_is_refused(make_job):
    job = make_job("j", [trial(1)])
    (job / "portfolios.jsonl").write_text('{"worker": 0, "tri')
    with pytest.raises(CorruptedFileError, match="line 1 is no JSON"):
        run_worker(job, 0)


def test_the_command_tells_by_its_exit_code_whether_trials_remain(make_job):
    done = CliRunner().invoke(
        app, ["worker", "run", "--job", str(make_job("a", [trial(1)], target_epochs=1))]
    )
    assert (done.exit_code, "complete=1" in done.output) == (0, True)
    job = make_job("b", [trial(2)], target_epochs=200, time_limit=1)
    left_over = CliRunner().invoke(
        app, ["worker", "run", "--job", str(job)], env={"NEPSBENCH_WORKER": "0"}
    )
    assert left_over.exit_code == 3
