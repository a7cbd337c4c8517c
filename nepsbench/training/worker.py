"""The worker: trains its portfolio's trials one after another, whatever becomes of each.

Run again after any end, it goes on where it stopped: what its journal holds is not done again.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from nepsbench.datasets.opening import open_dataset
from nepsbench.files import storage_errors
from nepsbench.journal import JournalWriter, read_journal
from nepsbench.manifest import write_manifest
from nepsbench.schema import Status
from nepsbench.training.arithmetic import exact_arithmetic
from nepsbench.training.history import FATAL_ATTEMPTS, History, Key, read_history
from nepsbench.training.interruption import Interruption
from nepsbench.training.job import (
    JobSpec,
    TrialSpec,
    journal_name,
    manifest_name,
    read_job,
    read_portfolio,
)
from nepsbench.training.recipe import get_recipe
from nepsbench.training.trial import Workbench, give_up, run_trial

_COUNTED = (
    Status.COMPLETE,
    Status.DIVERGED,
    Status.FAILED,
    Status.TIMEOUT,
    Status.OOM,
    Status.PENDING,
)


@dataclass(frozen=True)
class WorkerSummary:
    """How many trials of the portfolio stand at each status when the worker ends."""

    counts: dict[str, int]

    @property
    def remaining(self) -> int:
        """Trials that time or a signal kept from their target."""
        return self.counts[Status.TIMEOUT.value] + self.counts[Status.PENDING.value]


def run_worker(
    job_directory: Path, worker: int, interruption: Interruption | None = None
) -> WorkerSummary:
    """Train the portfolio of ``worker``; write its journal and, at the end, what proves it.

    Stops early, after abandoning the epoch in flight, on SIGUSR1, SIGTERM and when the queue's
    warning of the job's time limit is due. Must run in the main thread.

    Args:
        job_directory: Holds ``job.json`` and ``portfolios.jsonl`` (``docs/architecture.md``).
        worker: Number of the portfolio, from 0.
        interruption: One that listens already; without it signals are heard from here on.

    Raises:
        SpecError: If the job cannot be read, its recipe is unknown, or its target is beyond it.
        DatasetError: If the dataset is missing or damaged.
        CorruptedFileError: If the worker's journal is damaged.
        StorageError: If the disk is full.
    """
    job = _as_submitted(read_job(job_directory))
    interruption = interruption or Interruption()
    interruption.limit(job.time_limit)
    portfolio = read_portfolio(job_directory, worker)
    recipe = get_recipe(job.recipe)
    recipe.check_epochs(job.target_epochs)
    journal_path = job_directory / journal_name(worker)
    manifest_path = job_directory / manifest_name(worker)
    with (
        interruption.listening(),
        exact_arithmetic(recipe),
        JournalWriter(journal_path) as journal,
    ):
        with storage_errors(manifest_path):
            manifest_path.unlink(missing_ok=True)
        dataset = open_dataset(job.dataset, job.datasets_directory, version=job.dataset_version)
        bench = Workbench(job, dataset, journal, interruption)
        history = read_history(journal_path, target_epochs=job.target_epochs)
        counts = Counter(_run(trial, bench, history) for trial in portfolio.trials)
        summary = WorkerSummary({status.value: counts[status] for status in _COUNTED})
        # While the journal is locked: no other worker may add to what is proven here.
        _prove(job_directory, worker, summary)
    return summary


def _as_submitted(job: JobSpec) -> JobSpec:
    """Return the job with the time limit of this attempt, which may be longer than the planned."""
    limit = os.environ.get("NEPSBENCH_TIME_LIMIT", "")
    known = limit.isascii() and limit.isdigit() and int(limit) > 0
    return job.model_copy(update={"time_limit": int(limit)}) if known else job


def _prove(job_directory: Path, worker: int, summary: WorkerSummary) -> None:
    """Write the manifest of the worker's journal, whose every record is read back before.

    Raises:
        CorruptedFileError: If the disk does not give back what was written.
    """
    records = read_journal(job_directory / journal_name(worker))
    write_manifest(
        job_directory / manifest_name(worker),
        [journal_name(worker)],
        directory=job_directory,
        progress=sum(record["kind"] == "epoch" for record in records),
        outcomes=summary.counts,
    )


def _run(trial: TrialSpec, bench: Workbench, history: dict[Key, History]) -> Status:
    """Run one trial, unless the journal says that nothing is left to do, or it is time to end."""
    known = history.get((trial.taskid, trial.model_idx), History())
    if known.settled is not None:
        return known.settled
    if bench.interruption.now():
        return Status.PENDING
    if known.attempts >= FATAL_ATTEMPTS:
        return give_up(trial, bench, attempts=known.attempts)
    return run_trial(trial, bench)
