"""Optuna itself searches a table through our objective."""

from __future__ import annotations

import numpy as np
import pytest

from nepsbench.client.search_log import SearchLog
from nepsbench.client.table import TableBenchmark
from nepsbench.errors import NotInTableError
from nepsbench.schema import METRICS_BY_NAME
from nepsbench.spaces import Configuration, get_space
from tests.client.adapters.libraries import library
from tests.tiny_cells import final_accuracies

optuna = library("optuna")

from nepsbench.client.adapters.optuna import Objective, distributions  # noqa: E402

optuna.logging.set_verbosity(optuna.logging.WARNING)


def test_a_study_finds_a_good_cell_and_its_value_is_the_tables(cells: TableBenchmark) -> None:
    objective = Objective(cells)
    study = optuna.create_study(
        direction=objective.direction, sampler=optuna.samplers.TPESampler(seed=1)
    )
    study.optimize(objective, n_trials=60)
    best = study.best_trial
    assert best.value == cells(best.params)["valid_acc"]
    assert cells.number_of(best.params) in (-final_accuracies()).argsort()[:500]


def test_a_pruned_trial_pays_for_the_epochs_it_trained(cells: TableBenchmark) -> None:
    log = SearchLog(cells, mode="train")
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.RandomSampler(seed=1),
        pruner=optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=3),
    )
    study.optimize(Objective(log), n_trials=30)
    assert len(log) == len(study.trials) == 30
    pruned = [trial for trial in study.trials if trial.state == optuna.trial.TrialState.PRUNED]
    assert len(pruned) > 10
    for trial, entry in zip(study.trials, log.entries, strict=True):
        last = trial.last_step if trial in pruned else 27
        assert (entry.epoch, entry.cost) == (last, 10.0 * last)
        assert entry.key == trial.params


def test_the_study_stops_when_the_budget_is_spent(cells: TableBenchmark) -> None:
    log = SearchLog(cells, queries=5)
    study = optuna.create_study(direction="maximize")
    study.optimize(Objective(log), n_trials=50)
    assert len(log) == 5
    assert len(study.trials) == 6
    assert study.trials[-1].state == optuna.trial.TrialState.PRUNED


class Bottlenecks:
    """A benchmark object of one's own, whose drawn values seldom fit together."""

    space = get_space("nds_residual_bottleneck")
    name, version, max_epoch = "bottlenecks", "1.0.0", 1
    metrics = (METRICS_BY_NAME["valid_acc"],)

    def __call__(self, configuration: Configuration, epoch: int = 1) -> dict[str, float]:
        return self.trajectory(configuration)[epoch]

    def trajectory(self, configuration: Configuration) -> dict[int, dict[str, float]]:
        return {1: {"valid_acc": float(self.space.validate(configuration)["depth_1"])}}

    def sample(self, seed: int) -> Configuration:
        words = np.random.Philox(seed).random_raw((1, self.space.words_per_draw))
        return self.space.decode(self.space.draw(words)[0].tolist())


def test_what_lies_outside_the_space_is_pruned() -> None:
    log = SearchLog(Bottlenecks(), mode=None)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=1))
    study.optimize(Objective(log), n_trials=40)
    states = [trial.state for trial in study.trials]
    assert len(log) == states.count(optuna.trial.TrialState.COMPLETE) > 0
    assert states.count(optuna.trial.TrialState.PRUNED) == 40 - len(log) > 0
    trial = study.ask(distributions(log.bench.space))
    assert set(trial.params) == set(log.bench.space.names)


def test_what_a_table_lacks_is_an_error_and_not_a_bad_value(table: TableBenchmark) -> None:
    study = optuna.create_study(direction="maximize")
    with pytest.raises(NotInTableError, match="valid but not in the table"):
        study.optimize(Objective(table), n_trials=1)
