"""Trials that are to be trained again: a list in the folder of the plan that is to come.

The next plan of the wave takes them, and no later one: once it stands, another folder comes next.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from nepsbench.errors import CorruptedFileError
from nepsbench.files import write_text

#: ``taskid`` and ``model_idx``.
Key = tuple[int, int]
_FILE = "requeued.json"


def requeue(plan: Path, trials: Mapping[Key, int]) -> None:
    """Let the plan that will be made at ``plan`` train these trials from these epochs on.

    What is in the list already stays; of two epochs for one trial the lower one counts.

    Raises:
        CorruptedFileError: If the list is damaged.
        StorageError: If the disk is full.
    """
    merged = dict(requeued(plan))
    for key, epochs in trials.items():
        merged[key] = min(epochs, merged.get(key, epochs))
    rows = [{"taskid": t, "model_idx": m, "epochs": merged[t, m]} for t, m in sorted(merged)]
    write_text(plan / _FILE, json.dumps(rows, indent=1))


def requeued(plan: Path) -> dict[Key, int]:
    """Return the trials that the plan at ``plan`` must train again, and how many epochs they keep.

    Raises:
        CorruptedFileError: If the list is damaged.
    """
    path = plan / _FILE
    try:
        rows = json.loads(path.read_bytes())
        return {(int(r["taskid"]), int(r["model_idx"])): int(r["epochs"]) for r in rows}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError):
        raise CorruptedFileError(
            f"{path}: damaged; delete it and run: nepsbench verify data --repair"
        ) from None
