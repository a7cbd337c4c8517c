"""Trials to train, and what the journals say of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from nepsbench.journal import read_journal
from nepsbench.schema import METRICS_BY_NAME
from nepsbench.spaces import get_space

DEFAULTS = get_space("nepsbench101").defaults
Trial = dict[str, Any]


def trial(model_idx: int, *, seed: int = 1, taskid: int = 0, **changes: Any) -> Trial:
    """Return a trial of the default configuration with changes."""
    configuration = {**DEFAULTS, "Resolution": 0.5, **changes}
    return {"taskid": taskid, "model_idx": model_idx, "seed": seed, "configuration": configuration}


#: Trials that between them use both optimisers, all activations, operations and augmentation.
TRIALS = [
    trial(1, seed=11, Op1=2, Op4=4, Op6=3),
    trial(2, seed=12, Optimizer="AdamW", LearningRate=0.01, Activation="Mish", Op2=1, Op5=2),
    trial(3, seed=13, TrivialAugment=True, Activation="Hardswish", W=8, Op3=2, Op6=1),
]


def journal_records(job: Path, worker: int = 0) -> list[dict[str, Any]]:
    return list(read_journal(job / "results" / f"worker-{worker}.journal"))


def left(job: Path, worker: int = 0) -> dict[int, dict[str, Any]]:
    """Return the last trial record of each model_idx."""
    return {r["model_idx"]: r for r in journal_records(job, worker) if r["kind"] == "trial"}


def facts(*jobs: Path) -> dict[tuple[int, int, int], dict[str, float]]:
    """Return the reproducible metrics by (taskid, model_idx, epoch), from all workers of jobs."""
    return {
        (r["taskid"], r["model_idx"], r["epoch"]): {
            name: value
            for name, value in r["metrics"].items()
            if METRICS_BY_NAME[name].reproducible
        }
        for r in _of_all_workers(jobs, "epoch")
    }


def ends(*jobs: Path) -> dict[tuple[int, int], tuple[str, str | None]]:
    """Return the last status of each (taskid, model_idx) and its reason, from all workers of jobs.

    Of several jobs the last one that says something of a trial counts.
    """
    return {
        (r["taskid"], r["model_idx"]): (r["status"], r["reason"])
        for r in _of_all_workers(jobs, "trial")
    }


def _of_all_workers(jobs: Iterable[Path], kind: str) -> Iterator[dict[str, Any]]:
    """Yield the records of a kind, job by job and worker by worker."""
    for job in jobs:
        for path in sorted((job / "results").glob("*.journal")):
            yield from (r for r in read_journal(path) if r["kind"] == kind)
