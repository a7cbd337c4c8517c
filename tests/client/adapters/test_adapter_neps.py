"""NePS itself searches a table. It wants pandas 2, so it is in no environment with the platform."""

from __future__ import annotations

from pathlib import Path

from nepsbench.client.search_log import SearchLog
from nepsbench.client.table import TableBenchmark
from tests.client.adapters.libraries import library

neps = library("neps")


def test_what_neps_calls_best_is_the_best_of_the_log(cells: TableBenchmark, tmp_path: Path) -> None:
    from nepsbench.client.adapters.neps import evaluate_pipeline, pipeline_space

    log = SearchLog(cells)
    neps.run(
        evaluate_pipeline(log),
        pipeline_space(log),
        root_directory=tmp_path / "results",
        worker_evaluations_to_spend=20,
        optimizer="random_search",
    )
    assert len(log) == 20
    trials, _ = neps.status(tmp_path / "results")
    assert trials["objective_to_minimize"].min() == 100 - log.best.value
    assert cells(log.best.key)["valid_acc"] == log.best.value


def test_hyperband_asks_recorded_epochs_and_reports_seconds(
    cells: TableBenchmark, tmp_path: Path
) -> None:
    from nepsbench.client.adapters.neps import evaluate_pipeline, pipeline_space

    log = SearchLog(cells, mode="train", continues=True)
    neps.run(
        evaluate_pipeline(log),
        pipeline_space(log, multi_fidelity=True),
        root_directory=tmp_path / "results",
        worker_evaluations_to_spend=30,
        optimizer="hyperband",
    )
    assert {entry.epoch for entry in log.entries} <= {1, 3, 9, 27}
    assert len({entry.epoch for entry in log.entries}) > 1
    assert log.spent.seconds > 0


def test_an_evaluation_has_error_cost_and_the_whole_answer(cells: TableBenchmark) -> None:
    from nepsbench.client.adapters.neps import evaluate_pipeline

    configuration = cells.sample(1)
    found = evaluate_pipeline(cells)(**configuration, epoch=10)
    answer = cells(configuration, 9)
    assert found == {
        "objective_to_minimize": 100 - answer["valid_acc"],
        "cost": 10.0 * 9 + 3.0,
        "info_dict": answer,
    }


def test_defaults_may_be_a_prior_and_real_parameters_are_logarithmic(
    table: TableBenchmark,
) -> None:
    from nepsbench.client.adapters.neps import pipeline_space

    attributes = pipeline_space(table, prior="medium").get_attrs()
    assert set(attributes) == set(table.space.names)
    assert attributes["LearningRate"].prior == 0.1
    assert (attributes["LearningRate"].lower, attributes["LearningRate"].upper) == (1e-3, 1.0)
    assert attributes["Activation"].choices[attributes["Activation"].prior] == "ReLU"
    assert not pipeline_space(table).has_priors()
