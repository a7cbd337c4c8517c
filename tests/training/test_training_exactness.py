"""The exactness contract: a trial's numbers depend on the trial and on nothing else."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from training_jobs import TRIALS, facts, journal_records, left, trial

from nepsbench.manifest import read_manifest
from nepsbench.training.live import train_live
from nepsbench.training.worker import run_worker

pytestmark = pytest.mark.whole


def start_worker(job: Path) -> subprocess.Popen[bytes]:
    """Start a real worker process."""
    return subprocess.Popen(
        [sys.executable, "-m", "nepsbench", "worker", "run", "--job", str(job)],
        env={**os.environ, "NEPSBENCH_WORKER": "0"},
        stdout=subprocess.DEVNULL,
    )


def wait_for_epochs(job: Path, count: int) -> None:
    """Wait until the journal holds ``count`` epochs."""
    path = job / "results" / "worker-0.journal"
    end = time.monotonic() + 60
    while not path.exists() or sum(r["kind"] == "epoch" for r in journal_records(job)) < count:
        assert time.monotonic() < end, "the worker made no progress"
        time.sleep(0.005)


@pytest.fixture
def undisturbed(make_job):
    job = make_job("undisturbed", TRIALS, campaign="undisturbed")
    run_worker(job, 0)
    return facts(job)


def test_a_worker_killed_in_mid_epoch_and_resumed_equals_an_undisturbed_one(make_job, undisturbed):
    job = make_job("killed", TRIALS)
    for epochs in (2, 7):  # within the first trial, and within the second or third
        worker = start_worker(job)
        wait_for_epochs(job, epochs)
        worker.send_signal(signal.SIGKILL)
        assert worker.wait() == -signal.SIGKILL
    assert start_worker(job).wait() == 0
    assert facts(job) == undisturbed
    assert {r["status"] for r in left(job).values()} == {"complete"}


def test_a_pilot_and_a_later_wave_equal_one_wave(make_job, undisturbed):
    pilot = make_job("pilot", TRIALS, target_epochs=1)
    wave = make_job("wave", list(reversed(TRIALS)))
    run_worker(pilot, 0)
    run_worker(wave, 0)
    assert min(epoch for _, _, epoch in facts(wave)) == 2
    assert facts(pilot, wave) == undisturbed


def test_worker_and_order_of_the_portfolio_change_nothing(make_job, undisturbed):
    job = make_job("spread", TRIALS[2:], [TRIALS[1], TRIALS[0]])
    run_worker(job, 1)
    run_worker(job, 0)
    assert facts(job) == undisturbed


def test_a_shorter_training_is_a_prefix_of_a_longer_one(make_job, undisturbed):
    job = make_job("short", TRIALS, target_epochs=2)
    run_worker(job, 0)
    assert facts(job) == {key: row for key, row in undisturbed.items() if key[2] <= 2}


def test_live_training_equals_the_workers_and_leaves_torch_as_it_was(undisturbed, datasets_root):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    threads = torch.get_num_threads()
    curve = train_live(
        TRIALS[2]["configuration"],
        space="nepsbench101",
        dataset="digits",
        datasets_root=datasets_root,
        epochs=4,
        seed=13,
        recipe="nepsbench101",
    )
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_num_threads() == threads
    for row in curve:
        assert row.items() >= undisturbed[0, 3, row["epoch"]].items()


def test_another_seed_gives_other_numbers(make_job):
    job = make_job("seeds", [trial(1, seed=1), trial(2, seed=2)], target_epochs=1)
    run_worker(job, 0)
    first, second = facts(job).values()
    assert first["train_loss"] != second["train_loss"]


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGUSR1, "timeout"), (signal.SIGTERM, "pending")]
)
def test_a_signal_stops_a_worker_cleanly_within_the_epoch(make_job, number, status):
    job = make_job("stopped", [trial(1), trial(2)], target_epochs=200)
    worker = start_worker(job)
    wait_for_epochs(job, 1)
    worker.send_signal(number)
    assert worker.wait(timeout=10) == 3
    (record,) = left(job).values()
    assert (record["status"], record["reason"]) == (status, f"stopped by {number.name}")
    assert record["epochs"] == sum(r["kind"] == "epoch" for r in journal_records(job))
    counts = read_manifest(job / "results" / "worker-0.sha256").outcomes
    assert (counts["pending"] + counts["timeout"], counts[status] > 0) == (2, True)


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs Linux's /proc")
def test_a_signal_while_torch_is_loading_is_heard(make_job):
    job = make_job("early", [trial(1)], target_epochs=200)
    worker = start_worker(job)
    process = Path(f"/proc/{worker.pid}")
    bit, caught = 1 << (signal.SIGUSR1 - 1), 0
    while not caught & bit:
        caught = int(re.search(r"SigCgt:\s*(\w+)", (process / "status").read_text())[1], 16)
        assert worker.poll() is None
    assert "libtorch" not in (process / "maps").read_text()
    worker.send_signal(signal.SIGUSR1)
    assert worker.wait(timeout=30) == 3
    assert journal_records(job) == []
