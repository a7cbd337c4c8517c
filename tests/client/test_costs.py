"""What a query would have cost, by what the benchmark recorded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nepsbench.client.costs import curve_cost, query_cost
from nepsbench.client.table import TableBenchmark
from nepsbench.errors import NepsbenchError, NotInTableError

#: As our own tables: every epoch has passes over all splits.
PASSES = {
    epoch: {
        "train_duration": 10.0 + epoch,
        "valid_duration": 2.0,
        "test_duration": 1.0,
        "runtime": 1000.0 * epoch,
    }
    for epoch in (1, 2, 3, 4)
}


@pytest.mark.parametrize(("mode", "seconds"), [("train", 50.0), ("valid", 58.0), ("test", 62.0)])
def test_the_mode_says_which_passes_are_paid_for(mode: str, seconds: float) -> None:
    assert curve_cost(PASSES, mode=mode) == seconds


def test_going_on_from_a_checkpoint_pays_the_later_epochs_only() -> None:
    assert curve_cost(PASSES, 4, start=2, mode="valid") == 13 + 14 + 2 * 2
    assert curve_cost(PASSES, 3, start=3) == 0.0
    assert curve_cost(PASSES, 2, start=4) == 0.0


@given(
    cut=st.integers(1, 4),
    end=st.integers(1, 4),
    mode=st.sampled_from(["train", "valid", "test"]),
    runtime_only=st.booleans(),
)
def test_parts_of_a_training_cost_as_much_as_the_whole(
    cut: int, end: int, mode: str, runtime_only: bool
) -> None:
    curve = {e: {"runtime": a["runtime"]} for e, a in PASSES.items()} if runtime_only else PASSES
    first, last = sorted((cut, end))
    parts = curve_cost(curve, first, mode=mode) + curve_cost(curve, last, start=first, mode=mode)
    assert parts == pytest.approx(curve_cost(curve, last, mode=mode), rel=1e-12)


def test_evaluations_that_were_not_made_cost_nothing() -> None:
    # NATS-Bench trains twelve epochs and evaluates at the last.
    curve = {epoch: {"train_duration": 10.0} for epoch in range(12)} | {
        12: {"train_duration": 10.0, "valid_duration": 3.0}
    }
    assert curve_cost(curve, 12, mode="valid") == 123.0
    with pytest.raises(NotInTableError, match=r"no valid_duration of epoch 11 .* use mode='train'"):
        curve_cost(curve, 11, mode="valid")


def test_without_a_validation_split_the_tests_alone_are_added() -> None:
    curve = {1: {"train_duration": 10.0, "test_duration": 3.0}}
    assert curve_cost(curve, mode="test") == 13.0


def test_a_running_time_without_passes_is_the_cost_in_every_mode() -> None:
    # NAS-Bench-101 tells seconds at half and at the end.
    curve = {54: {"runtime": 600.0}, 108: {"runtime": 1300.0}}
    assert [curve_cost(curve, mode=mode) for mode in ("train", "valid", "test")] == [1300.0] * 3
    assert curve_cost(curve, 108, start=54) == 700.0
    assert curve_cost({200: {"runtime": 600.0, "valid_duration": 5.0}}) == 605.0


def test_the_time_of_a_whole_trial_is_for_all_of_its_epochs_only() -> None:
    curve = {100: {"valid_acc": 1.0}, 200: {"valid_acc": 2.0, "total_time": 900.0}}
    assert curve_cost(curve) == 900.0
    with pytest.raises(NotInTableError, match="no seconds of epochs 101 to 200"):
        curve_cost(curve, 200, start=100)


def test_a_table_without_times_says_so() -> None:
    with pytest.raises(NotInTableError, match="mine tells no seconds of epochs 1 to 2"):
        curve_cost({2: {"valid_acc": 1.0}}, name="mine")


def test_a_gap_in_the_epochs_is_not_filled() -> None:
    curve = {1: {"train_duration": 1.0}, 3: {"train_duration": 1.0}}
    with pytest.raises(NotInTableError, match="no train_duration of epoch 2"):
        curve_cost(curve, mode="train")


def test_unknown_epochs_and_modes_are_refused() -> None:
    with pytest.raises(NotInTableError, match=r"no epoch 9 .* recorded: 1, 2, 3, 4"):
        curve_cost(PASSES, 9)
    with pytest.raises(NotInTableError, match="no epoch 7"):
        curve_cost(PASSES, 4, start=7)
    with pytest.raises(
        NepsbenchError, match="no cost mode 'all'; choose one of train, valid, test"
    ):
        curve_cost(PASSES, mode="all")


def test_a_release_answers_what_a_query_would_have_cost(table: TableBenchmark) -> None:
    configuration = next(table.configurations())
    curve = table.trajectory(configuration)
    first = sum(curve[epoch]["train_duration"] for epoch in (1, 2))
    assert query_cost(table, configuration, 2, mode="train") == first
    whole = query_cost(table, configuration, mode="train")
    assert query_cost(table, configuration, start=2, mode="train") == pytest.approx(whole - first)
