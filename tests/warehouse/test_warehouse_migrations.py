"""A warehouse of the first schema, as commit 38 of the project wrote it, brought to the present."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from nepsbench.cli.main import app
from nepsbench.errors import ConflictError, VersionMismatchError
from nepsbench.spaces import get_space
from nepsbench.spaces.architecture import architecture_id
from nepsbench.warehouse import open_warehouse
from nepsbench.warehouse.migrations import migrate, outdated
from tests.tiny_benchmark import NAME, SPACE, plain_tables

OLD = Path(__file__).parents[1] / "golden" / "warehouse_schema_1"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    shutil.copytree(OLD, home)
    return home


def test_the_stored_warehouse_is_of_the_first_schema(old: Path) -> None:
    (file,) = (old / "benchmarks" / NAME / "trials").iterdir()
    names = set(pq.read_schema(file).names)
    assert not names & {"origin", "horizon", "architecture_id", "found", "kept_weights"}
    assert [entry.profile for entry in outdated(open_warehouse(old))] == ["tiny"]


def test_rows_stay_and_what_is_new_is_filled_in(old: Path) -> None:
    warehouse = open_warehouse(old)
    epochs = warehouse.query("select * from epochs order by all").to_pylist()
    before = warehouse.query("select * from trials order by model_idx").to_pylist()
    assert migrate(warehouse) == ["tiny"]
    after = warehouse.query("select * from trials order by model_idx").to_pylist()
    assert warehouse.query("select * from epochs order by all").to_pylist() == epochs
    for old_row, row in zip(before, after, strict=True):
        new = {name: value for name, value in row.items() if old_row[name] != value}
        configuration = {name: row[name] for name in SPACE.names}
        assert new == {
            "origin": "trained",
            "horizon": 200,
            "architecture_id": architecture_id(get_space("nepsbench101"), configuration),
        }
    assert outdated(warehouse) == []
    assert migrate(warehouse) == []
    warehouse.verify()


def test_a_migrated_warehouse_takes_in_the_same_results_and_more(old: Path) -> None:
    warehouse = open_warehouse(old)
    migrate(warehouse)
    trials, epochs = plain_tables(4, epochs=4)
    recipes = pa.array(["nepsbench101/1"] * 4)  # the recipe's version of that time
    trials = trials.set_column(trials.column_names.index("recipe"), "recipe", recipes)
    report = warehouse.ingest(NAME, trials, epochs)
    assert (report.trials_updated, report.epochs_added, report.epochs_unchanged) == (4, 4, 12)


def test_checks_and_doctor_ask_for_the_migration(old: Path) -> None:
    run = CliRunner().invoke
    refused = run(app, ["warehouse", "check", "--home", str(old)]).exception
    assert isinstance(refused, VersionMismatchError)
    assert "nepsbench warehouse migrate" in str(refused)
    told = json.loads(run(app, ["doctor", "--home", str(old), "--json"]).output)
    (row,) = (each for each in told if each["what"] == "schema")
    assert row["verdict"] == "wrong"
    assert "tiny" in run(app, ["warehouse", "migrate", "--home", str(old)]).output
    assert run(app, ["warehouse", "migrate", "--home", str(old)]).output == "none\n"
    assert run(app, ["warehouse", "check", "--home", str(old)]).exit_code == 0


def test_other_trials_are_never_put_in_a_profiles_place(old: Path) -> None:
    warehouse = open_warehouse(old)
    migrate(warehouse)
    rows = warehouse.query("select * from trials where model_idx > 1")
    with pytest.raises(ConflictError, match="other trials than those that are stored"):
        warehouse.replace_trials("tiny", rows)
