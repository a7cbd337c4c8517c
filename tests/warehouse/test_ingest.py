from __future__ import annotations

import duckdb
from warehouse_results import BENCHMARK, results

from nepsbench.warehouse import Warehouse


def test_new_results_are_read_back_by_plain_duckdb(
    warehouse: Warehouse,
) -> None:
    report = warehouse.ingest(BENCHMARK, *results(3, 2))

    assert (report.trials_added, report.epochs_added, report.commit) == (3, 6, 1)
    with duckdb.connect(str(warehouse.home / "nepsbench.duckdb"), read_only=True) as connection:
        rows = connection.sql("SELECT count(*), max(epoch), min(N) FROM curves").fetchall()
    assert rows == [(6, 2, 1)]
