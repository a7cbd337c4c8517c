"""Files that were written before a column was thought of."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
from warehouse_results import BENCHMARK, results

from nepsbench.schema import EPOCH_COLUMNS, TASK_METRICS, TRIAL_COLUMNS

#: Columns that were added since tables of schema version 2 were written first.
ADDED = {
    "trials": ["kept_weights"],
    "epochs": ["peak_memory", "energy", *(metric.name for metric in TASK_METRICS)],
}


def of_images(*arguments, **changes):
    """Return results of a dataset that is judged by accuracy alone, as all were once."""
    trials, epochs = results(*arguments, **changes)
    for metric in TASK_METRICS:
        place = epochs.column_names.index(metric.name)
        nothing = pa.nulls(epochs.num_rows, pa.float64())
        epochs = epochs.set_column(place, metric.name, nothing)
    return trials, epochs


def test_every_added_column_may_be_missing():
    nullable = {column.name for column in (*TRIAL_COLUMNS, *EPOCH_COLUMNS) if column.nullable}
    assert {name for names in ADDED.values() for name in names} <= nullable


def test_a_warehouse_without_the_added_columns_is_read_and_goes_on(warehouse):
    warehouse.ingest(BENCHMARK, *of_images(3, 2))
    for entry in warehouse.commit.files:
        path = warehouse.home / entry.path
        older = pq.read_table(path, partitioning=None).drop_columns(ADDED[entry.table])
        pq.write_table(older, path)
    rows = warehouse.query("select distinct kept_weights, peak_memory, energy from curves")
    assert rows.to_pylist() == [{"kept_weights": None, "peak_memory": None, "energy": None}]
    report = warehouse.ingest(BENCHMARK, *of_images(3, 4, kept_weights='{"4":"ab"}'))
    assert (report.trials_updated, report.epochs_added, report.epochs_unchanged) == (3, 6, 6)
    told = warehouse.query("select distinct kept_weights from trials").to_pylist()
    assert told == [{"kept_weights": '{"4":"ab"}'}]
    filled = warehouse.query("select epoch, count(energy) as n from epochs group by 1 order by 1")
    assert filled.to_pylist() == [
        {"epoch": 1, "n": 0}, {"epoch": 2, "n": 0}, {"epoch": 3, "n": 3}, {"epoch": 4, "n": 3},
    ]  # fmt: skip
