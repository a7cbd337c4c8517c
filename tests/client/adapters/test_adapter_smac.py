"""SMAC itself searches a table through our target function."""

from __future__ import annotations

from pathlib import Path

import pytest

from nepsbench.client.search_log import SearchLog
from nepsbench.client.table import TableBenchmark
from tests.client.adapters.libraries import library
from tests.tiny_cells import final_accuracies

pytestmark = pytest.mark.whole

library("smac")

from smac import HyperparameterOptimizationFacade, MultiFidelityFacade, Scenario  # noqa: E402

from nepsbench.client.adapters.smac import (  # noqa: E402
    StopWhenSpent,
    budgets,
    target_function,
    to_configspace,
)


def _scenario(cells: TableBenchmark, folder: Path, **settings: object) -> Scenario:
    return Scenario(
        to_configspace(cells.space, seed=1), seed=1, output_directory=folder, **settings
    )


def test_smac_finds_a_good_cell_and_minimises_the_error(
    cells: TableBenchmark, tmp_path: Path
) -> None:
    scenario = _scenario(cells, tmp_path, n_trials=30, deterministic=True)
    facade = HyperparameterOptimizationFacade(scenario, target_function(cells))
    incumbent = dict(facade.optimize())
    found = facade.runhistory.get_cost(facade.intensifier.get_incumbent())
    assert found == 100 - cells(incumbent)["valid_acc"]
    assert found == min(value.cost for value in facade.runhistory.values())
    # How SMAC searches depends on more than its seed, so no more is asked than what 30 trials give.
    ranks = (-final_accuracies()).argsort().tolist()
    assert ranks.index(cells.number_of(incumbent)) < len(ranks) / 4


def test_hyperband_gives_budgets_and_every_one_is_paid_for(
    cells: TableBenchmark, tmp_path: Path
) -> None:
    log = SearchLog(cells, mode="train", continues=True)
    scenario = _scenario(cells, tmp_path, n_trials=40, deterministic=True, **budgets(cells))
    facade = MultiFidelityFacade(scenario, target_function(log, multi_fidelity=True))
    facade.optimize()
    asked = {entry.epoch for entry in log.entries}
    assert len(log) == 40
    assert asked <= {1, 3, 9, 27}
    assert {3, 27} <= asked
    furthest: dict[tuple[object, ...], int] = {}
    for entry in log.entries:
        key = tuple(entry.key.values())
        furthest[key] = max(furthest.get(key, 0), entry.epoch)
    assert log.spent.seconds == 10.0 * sum(furthest.values())


def test_a_seed_of_smac_chooses_a_training_seed(cells: TableBenchmark) -> None:
    function = target_function(cells, seeds=True)
    configuration = cells.sample(3)
    by_seed = {100 - answer["valid_acc"] for answer in cells.by_seed(configuration).values()}
    assert {function(configuration, seed=seed) for seed in range(20)} == by_seed
    assert function(configuration, seed=7) == function(configuration, seed=7)


def test_smac_stops_when_the_budget_is_spent(cells: TableBenchmark, tmp_path: Path) -> None:
    log = SearchLog(cells, seconds=1000)
    scenario = _scenario(cells, tmp_path, n_trials=100, deterministic=True)
    HyperparameterOptimizationFacade(
        scenario, target_function(log), callbacks=[StopWhenSpent(log)]
    ).optimize()
    assert len(log) == 4  # 274 seconds each
