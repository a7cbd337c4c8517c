"""Views, SQL, checks and commands over a warehouse that holds our own trials and imports."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_importing import tiny, tiny_import
from test_warehouse_commands import run
from tiny_importer import write_tiny
from warehouse_results import BENCHMARK, results

from nepsbench.spaces import FiniteSpace, get_space, nasbench201, nashpobench2
from nepsbench.tables import match_tables
from nepsbench.warehouse import Warehouse

__all__ = ["tiny"]


@pytest.fixture
def mixed(warehouse: Warehouse, tmp_path: Path) -> Warehouse:
    """A warehouse with trials of our own and tables of three spaces."""
    warehouse.ingest(BENCHMARK, *results())
    for space in ("nasbench101", "nasbench201", "nats_size"):
        path = write_tiny(
            tmp_path / f"{space}.jsonl",
            (space, "cifar10", [[7, 1, 777, [1.0]], [3, 1, 777, [2.0]]]),
        )
        tiny_import(warehouse, path)
    return warehouse


def test_show_and_check_take_all_in_one(mixed: Warehouse) -> None:
    shown = run("warehouse", "show", "--home", mixed.home)
    for name in (BENCHMARK, "nasbench101-cifar10", "nasbench201.cifar10", "nats_size-cifar10"):
        assert name in shown
    assert "0 with errors, 0 with warnings" in run("warehouse", "check", "--home", mixed.home)
    assert mixed.check(benchmark="nasbench201-cifar10").errors == ()


@pytest.mark.parametrize("space", ["nepsbench101", "nasbench101", "nasbench201", "nats_size"])
def test_a_benchmark_has_its_own_parameters_types_whatever_stands_beside_it(
    mixed: Warehouse, space: str
) -> None:
    from nepsbench.campaign.publish import benchmark_tables

    [name] = {
        entry.benchmark for entry in mixed.commit.files if entry.benchmark.startswith(f"{space}-")
    }
    trials, epochs = benchmark_tables(name, mixed.home)
    known = get_space(space)
    codes = match_tables(trials, epochs, known).codes(known)
    if isinstance(known, FiniteSpace):
        assert known.indices_of(codes).tolist() == [3, 7]
    assert known.config_ids(codes) == trials.sort_by("taskid")["config_id"].to_pylist()


def test_a_warehouse_of_imports_alone_has_all_columns(warehouse: Warehouse, tmp_path: Path) -> None:
    tiny_import(warehouse, write_tiny(tmp_path / "t.jsonl", ("nats_size", "x", [[7, 1, 1, [1.0]]])))
    assert warehouse.check().findings == ()
    [row] = warehouse.query("SELECT test_acc, runtime, valid_loss, started FROM curves").to_pylist()
    assert row == {"test_acc": 1.0, "runtime": None, "valid_loss": None, "started": None}


def test_an_error_in_an_imported_table_is_found_and_named(mixed: Warehouse, tmp_path: Path) -> None:
    tiny_import(mixed, write_tiny(tmp_path / "bad.jsonl", ("nats_size", "x", [[7, 1, 1, [101.0]]])))
    shown = run("warehouse", "check", "--home", mixed.home, code=1)
    assert "error: accuracies outside 0 to 100 %: 1 (check accuracy_range)" in shown
    assert "bad.x taskid 7 model_idx 1: epoch 1: 101.0 to 101.0" in shown


def test_a_training_that_two_imports_hold_counts_in_no_release(
    mixed: Warehouse, tmp_path: Path
) -> None:
    def add(name: str, *trials: list[object]) -> tuple[str, ...]:
        tiny_import(mixed, write_tiny(tmp_path / name, ("nasbench201", "cifar10", trials)))
        found = mixed.check(benchmark="nasbench201-cifar10").errors
        return tuple(example for each in found for example in each.examples)

    assert (
        add("others.jsonl", [7, 1, 888, [1.0]], [7, 2, 777, [1.0, 2.0]], [4, 1, 777, [2.0]]) == ()
    )
    [example] = add("same.jsonl", [7, 1, 777, [1.0]])
    assert "horizon 1: in nasbench201.cifar10 and others.cifar10 and same.cifar10" in example
    mixed.drop("same.cifar10")
    assert mixed.check(benchmark="nasbench201-cifar10").errors == ()


def test_the_same_cell_under_another_space_s_numbering_is_found_by_sql(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    joint = nashpobench2.from_cellcode("0|32|333", learning_rate=0.05)
    space = get_space("nashpobench2")
    assert isinstance(space, FiniteSpace)
    there, here = space.index(joint), nasbench201.SPACE.index(nasbench201.parse("300000"))
    assert there != here
    theirs = [[there, 1, 222, [70.0]], [0, 1, 222, [71.0]]]
    ours = [[here, 1, 777, [80.0]], [1, 1, 777, [81.0]]]
    tiny_import(warehouse, write_tiny(tmp_path / "hpo.jsonl", ("nashpobench2", "cifar10", theirs)))
    tiny_import(warehouse, write_tiny(tmp_path / "nas.jsonl", ("nasbench201", "cifar10", ours)))

    rows = warehouse.query(
        "SELECT a.taskid AS a, b.taskid AS b, a.test_acc AS x, b.test_acc AS y "
        "FROM curves a JOIN curves b USING (architecture_id) "
        "WHERE a.space = 'nasbench201' AND b.space = 'nashpobench2'"
    ).to_pylist()

    assert rows == [{"a": here, "b": there, "x": 80.0, "y": 70.0}]
