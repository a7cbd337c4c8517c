"""What one task of a round's job does, on the cluster."""

from __future__ import annotations

import json
from pathlib import Path

from nepsbench.files import write_text
from nepsbench.manifest import write_manifest
from nepsbench.spaces import get_space
from nepsbench.surrogate.boosting import Boosting
from nepsbench.surrogate.fitting import training_data
from nepsbench.tuning.scoring import cross_validated

#: In the job's folder: what it is asked.
ROUND = "round.json"


def result_of(task: int) -> str:
    """Return where a task's score lies in the job's folder."""
    return f"results/score-{task}.json"


def manifest_of(task: int) -> str:
    """Return where what proves it lies."""
    return f"results/score-{task}.sha256"


def score_here(job: Path, task: int) -> float:
    """Judge the settings with number ``task`` of ``<job>/round.json``, and prove the result.

    The tables lie two folders above the job's.

    Raises:
        NepsbenchError: If catboost or pyarrow is not installed.
        StorageError: If the disk is full.
    """
    import pyarrow.parquet as pq

    asked = json.loads((job / ROUND).read_text())
    trials, epochs = (
        pq.read_table(job.parent.parent / f"{name}.parquet") for name in ("trials", "epochs")
    )
    data = training_data(trials, epochs, get_space(asked["space"]))
    found = cross_validated(
        data,
        Boosting(**asked["settings"][task]),
        metric=asked["metric"],
        folds=asked["folds"],
        seed=asked["seed"],
    )
    write_text(job / result_of(task), json.dumps({"score": found}))
    write_manifest(job / manifest_of(task), [result_of(task)], directory=job)
    return found
