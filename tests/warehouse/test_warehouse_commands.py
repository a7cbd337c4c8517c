from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner
from warehouse_results import BENCHMARK, results

from nepsbench.cli.main import app
from nepsbench.errors import CorruptedFileError, NepsbenchError, QueryError, StorageError
from nepsbench.warehouse import Warehouse


def run(*words: str | Path, code: int = 0) -> str:
    outcome = CliRunner().invoke(app, [str(word) for word in words])
    if isinstance(outcome.exception, NepsbenchError):
        raise outcome.exception
    assert outcome.exit_code == code, outcome.output
    return outcome.output


def written(folder: Path, tables: tuple[pa.Table, pa.Table]) -> list[Path]:
    paths = [folder / "trials.parquet", folder / "epochs.parquet"]
    for path, table in zip(paths, tables, strict=True):
        pq.write_table(table, path)
    return paths


def test_ingest_show_check_and_rebuild_say_what_they_did(
    tmp_path: Path, warehouse: Warehouse
) -> None:
    files = written(tmp_path, results(3, 2))
    home = warehouse.home

    first = run("warehouse", "ingest", BENCHMARK, *files, "--home", home)
    second = run("warehouse", "ingest", BENCHMARK, *files, "--home", home)

    assert "trials: 3 added" in first
    assert "3 unchanged; epochs: 0 added, 6 unchanged; commit 1" in second
    assert BENCHMARK in run("warehouse", "show", "--home", home)
    assert "0 with errors" in run("warehouse", "check", "--home", home)
    assert "shows commit 1" in run("warehouse", "rebuild", "--home", home)


def test_a_check_with_errors_is_told_by_the_exit_code(warehouse: Warehouse) -> None:
    warehouse.ingest(BENCHMARK, *results(1, 1, status="diverged"))

    output = run("warehouse", "check", "--home", warehouse.home, code=1)

    assert "without a reason: 1 (check reason_missing)\n  p taskid 0 model_idx 1" in output


def test_sql_prints_a_table_json_or_csv(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.ingest(BENCHMARK, *results(2, 1))
    monkeypatch.setenv("NEPSBENCH_HOME", str(warehouse.home))
    query = "select model_idx, params, reason from trials order by 1"

    assert run("sql", query).split()[-2:] == ["2", "rows"]
    rows = [json.loads(line) for line in run("sql", query, "--json").splitlines()]
    assert rows[1] == {"model_idx": 2, "params": 0.5, "reason": None}
    assert run("sql", query, "--csv").splitlines()[1] == "1,0.5,"


def test_bad_sql_and_a_wrong_folder_are_one_line(tmp_path: Path, warehouse: Warehouse) -> None:
    with pytest.raises(QueryError, match="no_such_table") as caught:
        run("sql", "from no_such_table", "--home", warehouse.home)
    assert "\n" not in str(caught.value)
    with pytest.raises(StorageError, match="holds no warehouse"):
        run("sql", "select 1", "--home", tmp_path / "typo")
    assert not (tmp_path / "typo").exists()


def test_a_file_that_is_no_parquet_is_named(tmp_path: Path, warehouse: Warehouse) -> None:
    trials, epochs = written(tmp_path, results(1, 1))
    epochs.write_bytes(b"PAR1 not really")

    with pytest.raises(CorruptedFileError, match=r"epochs\.parquet: cannot be read as Parquet"):
        run("warehouse", "ingest", BENCHMARK, trials, epochs, "--home", warehouse.home)
