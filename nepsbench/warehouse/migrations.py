"""Tables of older schemas, brought to the present one: rows stay, columns are filled in.

Schema 2 (imported tables) gave every trial its origin, its architecture's id and the horizon of its
schedule. Before it, all trials were our own, and the only recipe had 200 epochs.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from nepsbench.schema import TRAINED, TRIAL_COLUMNS, TRIAL_METRICS
from nepsbench.spaces.architecture import architecture_ids
from nepsbench.spaces.space import Space
from nepsbench.warehouse.commits import Commit, FileEntry
from nepsbench.warehouse.store import Warehouse
from nepsbench.warehouse.tables import sound_trials

#: Horizon of the recipes that there were before schema 2.
_HORIZONS = {"nepsbench101": 200}


def outdated(warehouse: Warehouse, commit: Commit | None = None) -> list[FileEntry]:
    """Return the files of trials that an older schema has written."""
    entries = (commit or warehouse.commit).select(table="trials")
    return [
        entry
        for entry in entries
        if "origin" not in pq.read_schema(warehouse.home / entry.path).names
    ]


def migrate(warehouse: Warehouse) -> list[str]:
    """Bring every file of trials to the present schema; return the profiles that were changed.

    Each profile is a commit of its own: an interruption leaves a warehouse of both schemas, and the
    rest is done the next time. Older files stay for a day, as after every write.

    Raises:
        CorruptedFileError: If a file of the warehouse is damaged; nothing is changed.
        StorageError: If the disk is full.
    """
    warehouse.verify()
    changed = []
    for entry in outdated(warehouse):
        table = pq.read_table(warehouse.home / entry.path)
        space = warehouse.space(str(table["space"][0].as_py()))
        warehouse.replace_trials(
            entry.profile, sound_trials(entry.benchmark, renewed(table, space))
        )
        changed.append(entry.profile)
    return changed


def renewed(trials: pa.Table, space: Space) -> pa.Table:
    """Return rows of ``trials`` of schema 1 as those of schema 2.

    Args:
        trials: The rows.
        space: Of their configurations.
    """
    rows = trials.select(list(space.names)).to_pylist()
    codes = np.array([space.encode(row) for row in rows])
    horizons = [_HORIZONS.get(name.partition("/")[0]) for name in trials["recipe"].to_pylist()]
    new = {
        "origin": pa.repeat(pa.scalar(TRAINED), len(rows)),
        "architecture_id": pa.array(architecture_ids(space, codes), pa.string()),
        "horizon": pa.array(horizons, pa.int64()),
    }
    numbers = {metric.name for metric in TRIAL_METRICS}
    for column in TRIAL_COLUMNS:
        if column.name not in trials.column_names and column.name not in new:
            kind = pa.float64() if column.name in numbers else pa.string()
            new[column.name] = pa.nulls(len(rows), kind)
    for name, column in new.items():
        trials = trials.append_column(name, column)
    order = [column.name for column in TRIAL_COLUMNS] + list(space.names)
    return trials.select(order)
