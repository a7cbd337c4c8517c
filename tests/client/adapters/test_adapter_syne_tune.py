"""Syne Tune itself simulates on a table."""

from __future__ import annotations

import numpy as np
import pytest

from nepsbench.client.table import TableBenchmark
from nepsbench.errors import InvalidConfigurationError, NotInTableError
from tests.client.adapters.libraries import library

library("syne_tune")


def test_the_blackbox_answers_as_the_table(cells: TableBenchmark) -> None:
    from nepsbench.client.adapters.syne_tune import TableBlackbox

    blackbox = TableBlackbox(cells, metrics=["valid_acc", "test_acc"])
    configuration = cells.sample(1)
    assert blackbox.objectives_names == ["valid_acc", "test_acc", "elapsed_time"]
    assert blackbox.fidelity_values.tolist() == [1, 3, 9, 27]
    answer = cells(configuration, 9, seed=888)
    assert blackbox(configuration, {"epoch": 9}, seed=888) == {
        "valid_acc": answer["valid_acc"],
        "test_acc": answer["test_acc"],
        "elapsed_time": 90.0 + 3.0,
    }
    curve = cells.trajectory(configuration)
    everything = blackbox(configuration)
    assert everything.shape == (4, 3)
    assert everything[:, 0].tolist() == [answer["valid_acc"] for answer in curve.values()]
    assert np.diff(everything[:, 2]).tolist() == [21.0, 61.0, 181.0]


def test_what_is_not_there_is_refused(cells: TableBenchmark) -> None:
    from nepsbench.client.adapters.syne_tune import TableBlackbox

    blackbox = TableBlackbox(cells)
    with pytest.raises(NotInTableError, match="epoch 5 is not recorded in"):
        blackbox(cells.sample(1), 5)
    with pytest.raises(NotInTableError, match="was not trained with seed 1"):
        blackbox(cells.sample(1), 9, seed=1)
    with pytest.raises(InvalidConfigurationError):
        blackbox({**cells.sample(1), "edge_0_1": "conv"}, 9)


def test_asha_runs_in_simulated_time(cells: TableBenchmark) -> None:
    from syne_tune import StoppingCriterion, Tuner
    from syne_tune.backend.simulator_backend.simulator_callback import SimulatorCallback
    from syne_tune.blackbox_repository import UserBlackboxBackend
    from syne_tune.optimizer.baselines import ASHA

    from nepsbench.client.adapters.syne_tune import ELAPSED_TIME, TableBlackbox

    blackbox = TableBlackbox(cells)
    seen = SimulatorCallback()
    tuner = Tuner(
        trial_backend=UserBlackboxBackend(blackbox, elapsed_time_attr=ELAPSED_TIME, seed=777),
        scheduler=ASHA(
            blackbox.configuration_space,
            metric="valid_acc",
            do_minimize=False,
            time_attr="epoch",
            max_t=27,
            random_seed=1,
        ),
        stop_criterion=StoppingCriterion(max_wallclock_time=10_000),
        n_workers=4,
        sleep_time=0,
        callbacks=[seen],
        save_tuner=False,
    )
    tuner.run()
    statistics = tuner.tuning_status
    assert statistics.num_trials_started > 4 * 10_000 / 300
    best = statistics.overall_metric_statistics.max_metrics["valid_acc"]
    assert best == pytest.approx(
        max(cells.column("valid_acc", seed=777).take(range(15_625))), abs=8
    )
