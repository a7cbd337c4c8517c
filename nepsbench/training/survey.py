"""What lies in a campaign's folder on the cluster: its checkpoints, and how far its journals go.

Runs as a job there, since every checkpoint is read whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nepsbench.errors import CorruptedFileError, NepsbenchError
from nepsbench.files import write_text
from nepsbench.journal import read_journal
from nepsbench.manifest import write_manifest
from nepsbench.training.checkpoint import open_checkpoint
from nepsbench.training.history import Key
from nepsbench.training.job import SURVEY, SURVEY_MANIFEST


def survey_here(campaign: Path, job: Path) -> None:
    """Write down what the campaign's folder holds, a trial at a time, and prove it.

    ``survey.json`` has ``trials``, rows of ``taskid``, ``model_idx``, ``epoch``, ``problem``,
    ``config_id``, ``seed`` and ``journalled`` (the columns of the warehouse's
    ``checkpoint_schema``), and ``damage``, what is wrong with journals, a line each.

    Raises:
        StorageError: If the disk is full.
    """
    (job / SURVEY_MANIFEST).unlink(missing_ok=True)
    trials = dict(_checkpoints(campaign))
    damage = []
    for path in sorted(campaign.glob("jobs/*/results/*.journal")):
        try:
            for key, epoch in _journalled(path):
                known = trials.setdefault(key, {})
                known["journalled"] = max(epoch, known.get("journalled", 0))
        except CorruptedFileError as error:
            damage.append(str(error))
    rows = [{"taskid": t, "model_idx": m, **trials[t, m]} for t, m in sorted(trials)]
    write_text(job / SURVEY, json.dumps({"trials": rows, "damage": damage}))
    write_manifest(job / SURVEY_MANIFEST, [SURVEY], directory=job, progress=len(rows))


def _checkpoints(campaign: Path) -> Iterator[tuple[Key, dict[str, Any]]]:
    for path in campaign.glob("checkpoints/*/*.pt"):
        if path.stem.isdigit() and path.parent.name.isdigit():
            yield (int(path.parent.name), int(path.stem)), _look_at(path)


def _look_at(path: Path) -> dict[str, Any]:
    try:
        owner, checkpoint = open_checkpoint(path)
    except (NepsbenchError, OSError) as error:
        return {"problem": str(error)}
    return {"epoch": checkpoint.epoch, "config_id": owner.config_id, "seed": owner.seed}


def _journalled(path: Path) -> Iterator[tuple[Key, int]]:
    """Yield the trial and the number of every epoch in a journal."""
    remedy = 'see docs/benchmark-maker.md, "A damaged result"'
    for record in read_journal(path, remedy=remedy):
        if record["kind"] == "epoch":
            yield (record["taskid"], record["model_idx"]), record["epoch"]
