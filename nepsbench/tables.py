"""``trials`` and ``epochs`` in memory: matched, in the order of their key, as arrays.

Surrogate and release both start here. Works on pyarrow tables without importing pyarrow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nepsbench.errors import ConflictError, NepsbenchError
from nepsbench.schema import EPOCH_COLUMNS, KEY, TRIAL_COLUMNS, Metric
from nepsbench.spaces import Space
from nepsbench.spaces.columns import encode_column
from nepsbench.spaces.parameters import FloatArray

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class BenchmarkTables:
    """Both tables of one benchmark, matched.

    Attributes:
        trials: Sorted by key; schema columns, then one column a parameter.
        epochs: Sorted by key and epoch.
        trial_row: The row in ``trials`` of each row of ``epochs``.
    """

    trials: pa.Table
    epochs: pa.Table
    trial_row: NDArray[np.int64]

    def values(self, metric: Metric) -> FloatArray:
        """Return a metric's column in its table; a missing value is NaN."""
        table = self.trials if metric.table == "trials" else self.epochs
        return _floats(table.column(metric.name))

    def codes(self, space: Space) -> FloatArray:
        """Return the trials' encoded configurations, shape (trials, parameters).

        Raises:
            InvalidConfigurationError: If a value is missing or lies outside the space.
        """
        return np.column_stack(
            [encode_column(p, self.trials.column(p.name)) for p in space.parameters]
        )


def match_tables(trials: pa.Table, epochs: pa.Table, space: Space) -> BenchmarkTables:
    """Sort both tables by their key and find the trial of every epoch.

    Columns beyond the schema and the space's parameters are dropped.

    Raises:
        NepsbenchError: If a column is missing, or an epoch has no trial.
        ConflictError: If a key stands twice.
    """
    trials = _select(trials, [c.name for c in TRIAL_COLUMNS] + list(space.names), "trials")
    epochs = _select(epochs, [c.name for c in EPOCH_COLUMNS], "epochs")
    order = [(name, "ascending") for name in KEY]
    trials = trials.sort_by(order)
    numbered = trials.select(list(KEY)).append_column("trial_row", [np.arange(trials.num_rows)])
    matched = epochs.join(numbered, keys=list(KEY), join_type="left outer")
    matched = matched.sort_by([*order, ("epoch", "ascending")])
    _refuse_duplicates(trials, list(KEY), "trials")
    _refuse_duplicates(matched, [*KEY, "epoch"], "epochs")
    if matched.column("trial_row").null_count:
        raise NepsbenchError(
            f"{matched.column('trial_row').null_count} rows of epochs have no trial; "
            "run the warehouse's checks and ingest again"
        )
    trial_row = matched.column("trial_row").to_numpy().astype(np.int64)
    return BenchmarkTables(trials, matched.drop_columns("trial_row"), trial_row)


def _select(table: pa.Table, names: list[str], title: str) -> pa.Table:
    missing = [name for name in names if name not in table.column_names]
    if missing:
        raise NepsbenchError(f"the table {title} lacks the columns {', '.join(missing)}")
    return table.select(names)


def _refuse_duplicates(table: pa.Table, key: list[str], title: str) -> None:
    """Raise if neighbouring rows of a sorted table have the same key."""
    if table.num_rows < 2:
        return
    same = np.ones(table.num_rows - 1, dtype=bool)
    for name in key:
        codes = table.column(name).combine_chunks().dictionary_encode().indices.to_numpy()
        same &= codes[1:] == codes[:-1]
    if same.any():
        row = table.slice(int(np.argmax(same)), 1).select(key).to_pylist()[0]
        where = ", ".join(f"{name}={value}" for name, value in row.items())
        raise ConflictError(f"{title} holds {where} twice; run the warehouse's checks")


def _floats(column: pa.ChunkedArray) -> FloatArray:
    return np.asarray(column.cast("float64").to_numpy(), dtype=np.float64)
