"""What the adapters have in common: budgets, directions, costs."""

from __future__ import annotations

import pytest

from nepsbench.client.objective import Fidelities, Objective, fidelities
from nepsbench.client.search_log import SearchLog
from nepsbench.client.table import TableBenchmark
from nepsbench.errors import NepsbenchError, NotInTableError


def test_the_recorded_epochs_of_the_metric_are_the_budgets(cells: TableBenchmark) -> None:
    assert fidelities(cells, "valid_acc") == Fidelities("epoch", (1, 3, 9, 27))
    assert fidelities(SearchLog(cells), "valid_acc") == fidelities(cells, "valid_acc")
    with pytest.raises(NotInTableError, match="has no lr of any epoch"):
        fidelities(cells, "lr")


def test_a_budget_pays_for_the_largest_recorded_epoch_below_it() -> None:
    known = Fidelities("epoch", (1, 3, 9, 27))
    assert [known.floor(budget) for budget in (1, 2.9, 3, 26, 27, 1000, None)] == [
        *(1, 1, 3, 9, 27, 27, 27)
    ]
    with pytest.raises(NotInTableError, match=r"up to epoch 0.5; the smallest is 1"):
        known.floor(0.5)


def test_rungs_go_down_by_thirds() -> None:
    assert Fidelities("epoch", tuple(range(1, 201))).rungs() == (2, 7, 22, 66, 200)
    assert Fidelities("horizon", (4, 12, 36, 108)).rungs() == (4, 12, 36, 108)
    assert Fidelities("epoch", (200,)).rungs() == (200,)
    with pytest.raises(NepsbenchError, match="makes no rungs"):
        Fidelities("epoch", (1, 2)).rungs(eta=1)


def test_errors_go_down_when_accuracies_go_up(cells: TableBenchmark) -> None:
    configuration = cells.sample(1)
    found = Objective(cells, "valid_acc", mode="valid").evaluate(configuration, ("epoch", 9))
    assert found.value == cells(configuration, 9)["valid_acc"]
    assert found.error == 100 - found.value
    assert found.seconds == 10.0 * 9 + 3 * 1.0
    assert Objective(cells, "valid_duration").evaluate(configuration).error == 1.0


def test_a_log_is_asked_once_and_tells_the_cost(cells: TableBenchmark) -> None:
    log = SearchLog(cells, mode="train", continues=True)
    objective = Objective(log)
    seconds = [objective.evaluate(cells.sample(1), ("epoch", e)).seconds for e in (9, 27)]
    assert seconds == [90.0, 180.0]
    assert len(log) == 2
