from __future__ import annotations

import math
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from warehouse_results import BENCHMARK, results

from nepsbench.errors import ConflictError, InvalidResultError, SpecError
from nepsbench.warehouse import Warehouse, open_warehouse

pytestmark = pytest.mark.whole


def replaced(table: pa.Table, name: str, row: int, value: Any) -> pa.Table:
    values = table[name].to_pylist()
    values[row] = value
    field = table.schema.field(name)
    index = table.schema.get_field_index(name)
    return table.set_column(index, field, pa.array(values, field.type))


def rows(warehouse: Warehouse, query: str) -> list[tuple[Any, ...]]:
    with warehouse.connect() as connection:
        return connection.sql(query).fetchall()


def test_new_results_are_read_back_by_plain_duckdb(warehouse: Warehouse) -> None:
    report = warehouse.ingest(BENCHMARK, *results(3, 2))

    assert (report.trials_added, report.epochs_added, report.commit) == (3, 6, 1)
    with duckdb.connect(str(warehouse.home / "nepsbench.duckdb"), read_only=True) as connection:
        found = connection.sql("SELECT count(*), max(epoch), min(N) FROM curves").fetchall()
    assert found == [(6, 2, 1)]


def test_the_same_results_twice_change_nothing(warehouse: Warehouse) -> None:
    warehouse.ingest(BENCHMARK, *results(3, 2))
    before = sorted(path.name for path in warehouse.home.rglob("*"))

    report = warehouse.ingest(BENCHMARK, *results(3, 2))

    assert not report.changed
    assert (report.trials_unchanged, report.epochs_unchanged, report.commit) == (3, 6, 1)
    assert sorted(path.name for path in warehouse.home.rglob("*")) == before


def test_no_results_at_all_are_no_commit(warehouse: Warehouse) -> None:
    assert not warehouse.ingest(BENCHMARK, *results(0, 0)).changed
    assert warehouse.commit.number == 0


@pytest.mark.parametrize("name", ["train_loss", "valid_acc", "lr"])
def test_another_reproducible_metric_is_refused_and_nothing_is_written(
    warehouse: Warehouse, name: str
) -> None:
    trials, epochs = results(3, 2)
    warehouse.ingest(BENCHMARK, trials, epochs)
    longer, more = results(3, 3)

    with pytest.raises(ConflictError) as caught:
        warehouse.ingest(BENCHMARK, longer, replaced(more, name, 4, 99.5))

    assert str(caught.value).startswith(
        f"{BENCHMARK}: profile p, taskid 0, model_idx 2, epoch 2: {name} is 2.25 in the warehouse "
        "and 99.5 in the new results"
    )
    assert "\n" not in str(caught.value)
    assert rows(warehouse, "SELECT count(*) FROM epochs") == [(6,)]
    assert warehouse.commit.number == 1


def test_a_metric_that_became_missing_is_a_conflict(warehouse: Warehouse) -> None:
    trials, epochs = results(1, 2)
    warehouse.ingest(BENCHMARK, trials, epochs)

    with pytest.raises(ConflictError, match=r"test_loss is 1\.125 in the warehouse and None"):
        warehouse.ingest(BENCHMARK, trials, replaced(epochs, "test_loss", 0, None))


def test_other_durations_of_the_same_training_are_no_conflict(warehouse: Warehouse) -> None:
    trials, epochs = results(1, 2)
    warehouse.ingest(BENCHMARK, trials, epochs)

    report = warehouse.ingest(BENCHMARK, trials, replaced(epochs, "runtime", 0, 77.0))

    assert not report.changed
    assert rows(warehouse, "SELECT max(runtime) FROM epochs") == [(1.25,)]


def test_what_was_measured_last_counts_of_a_trial_that_was_trained_anew(
    warehouse: Warehouse,
) -> None:
    trials, epochs = results(2, 2)
    warehouse.ingest(BENCHMARK, trials, epochs)
    slower = replaced(replaced(epochs, "runtime", 0, 77.0), "runtime", 2, 88.0)
    later = replaced(trials, "ended", 0, datetime(2027, 1, 1))

    first, again = (warehouse.ingest(BENCHMARK, later, slower, renewed=[(0, 1)]) for _ in range(2))

    assert (first.trials_updated, first.epochs_added, first.epochs_renewed) == (1, 0, 1)
    assert (first.epochs_unchanged, again.changed) == (3, False)
    found = rows(warehouse, "SELECT runtime FROM epochs ORDER BY taskid, model_idx, epoch")
    assert found == [(77.0,), (1.25,), (2.125,), (2.25,)]
    assert rows(warehouse, "SELECT max(ended) FROM trials") == [(datetime(2027, 1, 1),)]


def test_a_trial_that_was_trained_anew_must_give_the_same_losses(warehouse: Warehouse) -> None:
    trials, epochs = results(1, 2)
    warehouse.ingest(BENCHMARK, trials, epochs)

    with pytest.raises(ConflictError, match="valid_loss"):
        warehouse.ingest(
            BENCHMARK, trials, replaced(epochs, "valid_loss", 1, 9.0), renewed=[(0, 1)]
        )


@pytest.mark.parametrize(("name", "value"), [("config_id", "f" * 16), ("seed", 5), ("params", 9.0)])
def test_another_trial_under_the_same_key_is_refused(
    warehouse: Warehouse, name: str, value: Any
) -> None:
    trials, epochs = results(2, 1)
    warehouse.ingest(BENCHMARK, trials, epochs)

    with pytest.raises(ConflictError, match=f"taskid 0, model_idx 2: {name} is .* and {value!r}"):
        warehouse.ingest(BENCHMARK, replaced(trials, name, 1, value), epochs)


def test_a_profile_belongs_to_one_benchmark(warehouse: Warehouse) -> None:
    warehouse.ingest(BENCHMARK, *results(1, 1))

    with pytest.raises(ConflictError, match="profile p has its trials in benchmark"):
        warehouse.ingest("nepsbench101-cifar10", *results(1, 1))


def test_a_later_wave_updates_the_trial_and_appends_its_epochs(warehouse: Warehouse) -> None:
    warehouse.ingest(BENCHMARK, *results(2, 2, host="node1"))

    report = warehouse.ingest(BENCHMARK, *results(2, 5, host="node2"))

    assert (report.trials_updated, report.epochs_added, report.epochs_unchanged) == (2, 6, 4)
    query = "SELECT DISTINCT epochs, target_epochs, status, host FROM trials"
    assert rows(warehouse, query) == [(5, 5, "complete", "node2")]


def test_an_earlier_wave_collected_again_lowers_nothing(warehouse: Warehouse) -> None:
    warehouse.ingest(BENCHMARK, *results(2, 5))

    report = warehouse.ingest(BENCHMARK, *results(2, 2, host="late"))

    assert not report.changed
    assert rows(warehouse, "SELECT DISTINCT epochs, host FROM trials") == [(5, None)]


def test_a_trial_that_failed_is_replaced_by_its_next_attempt_only(warehouse: Warehouse) -> None:
    warehouse.ingest(BENCHMARK, *results(1, 0, target=3, status="failed", reason="node died"))
    assert warehouse.ingest(BENCHMARK, *results(1, 3)).trials_updated == 1

    again = results(1, 0, target=3, status="failed", reason="node died")

    assert not warehouse.ingest(BENCHMARK, *again).changed
    assert rows(warehouse, "SELECT status, reason FROM trials") == [("complete", None)]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_nan_and_infinity_are_refused(warehouse: Warehouse, value: float) -> None:
    trials, epochs = results(1, 2)

    with pytest.raises(InvalidResultError, match=r"epochs\.valid_loss: 1 values are NaN"):
        warehouse.ingest(BENCHMARK, trials, replaced(epochs, "valid_loss", 1, value))


def test_a_missing_value_stays_missing(warehouse: Warehouse) -> None:
    trials, epochs = results(1, 2)
    warehouse.ingest(BENCHMARK, trials, replaced(epochs, "test_acc", 1, None))

    assert rows(warehouse, "SELECT test_acc FROM epochs ORDER BY epoch") == [(1.125,), (None,)]


def test_results_that_contradict_themselves_are_refused(warehouse: Warehouse) -> None:
    trials, epochs = results(2, 1)
    twice = pa.concat_tables([epochs, epochs])
    other_profile = pa.concat_tables([trials, results(1, 1, profile="q")[0]])

    with pytest.raises(InvalidResultError, match="epoch 1 more than once"):
        warehouse.ingest(BENCHMARK, trials, twice)
    with pytest.raises(InvalidResultError, match="model_idx 2 belong to no trial"):
        warehouse.ingest(BENCHMARK, trials.slice(0, 1), epochs)
    with pytest.raises(InvalidResultError, match=r"several profiles \(p, q\)"):
        warehouse.ingest(BENCHMARK, other_profile, epochs)


@pytest.mark.parametrize("name", ["../p", "", "a b", ".hidden"])
def test_a_profile_name_that_leaves_its_folder_is_refused(warehouse: Warehouse, name: str) -> None:
    with pytest.raises(SpecError, match="cannot be a file name"):
        warehouse.ingest(BENCHMARK, *results(1, 1, profile=name))


def test_profiles_and_benchmarks_of_other_spaces_stand_side_by_side(warehouse: Warehouse) -> None:
    warehouse.ingest(BENCHMARK, *results(2, 1))
    trials, epochs = results(2, 1, profile="q")
    renamed = trials.drop_columns(["N"]).append_column("depth", pa.array(["deep", "flat"]))
    warehouse.ingest("other-digits", renamed, epochs)

    found = rows(warehouse, "SELECT benchmark, N, depth FROM trials ORDER BY ALL")

    assert found == [
        (BENCHMARK, 1, None), (BENCHMARK, 1, None),
        ("other-digits", None, "deep"), ("other-digits", None, "flat"),
    ]  # fmt: skip


def test_columns_keep_their_types(warehouse: Warehouse) -> None:
    warehouse.ingest(BENCHMARK, *results(1, 1))

    query = "SELECT column_name, column_type FROM (DESCRIBE trials)"
    types = dict(rows(warehouse, query))

    assert {types[name] for name in ("taskid", "seed", "N", "Op1")} == {"BIGINT"}
    assert (types["started"], types["TrivialAugment"]) == ("TIMESTAMP", "BOOLEAN")
    assert (types["Resolution"], types["Activation"]) == ("DOUBLE", "VARCHAR")


def test_mlflow_runs_are_noted_once_and_survive_the_next_wave(warehouse: Warehouse) -> None:
    warehouse.ingest(BENCHMARK, *results(2, 1))
    warehouse.set_mlflow_runs("p", {(0, 1): "run1"})
    warehouse.set_mlflow_runs("p", {(0, 1): "run1"})
    assert warehouse.commit.number == 2

    warehouse.ingest(BENCHMARK, *results(2, 2))

    query = "SELECT mlflow_run_id FROM trials ORDER BY model_idx"
    assert rows(warehouse, query) == [("run1",), (None,)]


def test_measured_seconds_are_the_mean_over_the_epochs(warehouse: Warehouse) -> None:
    trials, epochs = results(2, 4)
    warehouse.ingest(BENCHMARK, trials, epochs.filter(pc.field("model_idx") == 1))

    measured = warehouse.seconds_per_epoch("p").to_pydict()

    assert measured["seconds_per_epoch"] == [1.5 / 4, None]
    assert measured["epochs"] == [4, 4]


def test_failed_trials_count_as_ended_unless_they_are_tried_again(warehouse: Warehouse) -> None:
    warehouse.ingest(BENCHMARK, *results(1, 0, target=3, status="oom", reason="memory"))

    tried = warehouse.seconds_per_epoch("p", retry_failed=True)
    ended = warehouse.seconds_per_epoch("p", retry_failed=False)

    assert (tried["ended"].to_pylist(), ended["ended"].to_pylist()) == ([False], [True])


def test_diverged_trials_have_ended_and_others_go_on(warehouse: Warehouse) -> None:
    warehouse.ingest(BENCHMARK, *results(1, 1, target=3, status="diverged", reason="loss"))
    assert warehouse.seconds_per_epoch("p")["ended"].to_pylist() == [True]
    warehouse.ingest(BENCHMARK, *results(1, 3, profile="q"))
    assert warehouse.seconds_per_epoch("q")["ended"].to_pylist() == [False]


@settings(max_examples=3)
@given(waves=st.lists(st.tuples(st.integers(1, 3), st.integers(0, 4)), min_size=1, max_size=3))
def test_any_order_of_collections_ends_in_the_same_tables(
    tmp_path_factory: pytest.TempPathFactory, waves: list[tuple[int, int]]
) -> None:
    def state(order: list[tuple[int, int]]) -> list[Any]:
        warehouse = open_warehouse(tmp_path_factory.mktemp("home"))
        for trials, epochs in order:
            warehouse.ingest(BENCHMARK, *results(trials, epochs))
        return [rows(warehouse, f"FROM {name} ORDER BY ALL") for name in ("trials", "epochs")]

    assert state(waves) == state(waves[::-1]) == state(waves + waves)
