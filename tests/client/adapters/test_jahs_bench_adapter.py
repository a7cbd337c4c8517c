"""The interface of JAHS-Bench-201, on made-up trials of its space."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from nepsbench.client.adapters import jahs_bench
from nepsbench.errors import NepsbenchError, NotInTableError
from nepsbench.release import build_release
from tests.tiny_benchmark import (
    configurations,
    epochs_of,
    epochs_table,
    metrics_of,
    trial,
    trials_table,
)

NAMES = ["FLOPS", "latency", "runtime", "size_MB", "test-acc", "train-acc", "valid-acc"]


@pytest.fixture
def table(jahs_home: Path) -> jahs_bench.Benchmark:
    return jahs_bench.Benchmark(task="cifar10", kind="table", download=False, save_dir=jahs_home)


def test_a_configuration_is_answered_by_epoch_and_jahs_names(table: jahs_bench.Benchmark) -> None:
    config = dict(configurations(3)[2])
    found = table({**config, "epoch": 77}, nepochs=4)
    expected = metrics_of(config, 4)
    assert list(found) == [4]
    assert list(found[4]) == NAMES
    assert found[4]["valid-acc"] == expected["valid_acc"]
    assert found[4]["train-acc"] == expected["valid_acc"] + 1
    assert found[4]["runtime"] == expected["runtime"]
    assert found[4]["latency"] == 64.0
    assert (found[4]["FLOPS"], found[4]["size_MB"]) == (2.5, 0.01 * config["W"])
    assert table(config, nepochs=1)[1]["valid-acc"] == metrics_of(config, 1)["valid_acc"]


def test_a_trajectory_has_every_epoch_up_to_the_one_asked_for(
    table: jahs_bench.Benchmark,
) -> None:
    config = configurations(3)[2]
    curve = table(config, nepochs=4, full_trajectory=True)
    assert list(curve) == [1, 2, 3, 4]
    assert curve[3] == table(config, nepochs=3)[3]


def test_of_several_trials_the_first_answers(table: jahs_bench.Benchmark) -> None:
    config = configurations(1)[0]
    assert table(config, 5)[5]["valid-acc"] == metrics_of(config, 5)["valid_acc"]


def test_only_the_wanted_metrics_are_told(jahs_home: Path) -> None:
    chosen = jahs_bench.Benchmark("cifar10", "table", save_dir=jahs_home, metrics=["valid-acc"])
    assert list(chosen(configurations(2)[1], 5)[5]) == ["valid-acc"]
    with pytest.raises(ValueError, match="no metric 'accuracy'; choose from FLOPS"):
        jahs_bench.Benchmark("cifar10", "table", save_dir=jahs_home, metrics=["accuracy"])


def test_numpys_numbers_are_taken_and_missing_values_are_nan(jahs_home: Path) -> None:
    trials = trials_table([trial(configurations(1)[0], 1, params=None)])
    epochs = epochs_table(epochs_of(trial(configurations(1)[0], 1)))
    release = build_release(
        name="nepsbench101-fashion_mnist", version="1.0.0",
        benchmark_info={"space": "nepsbench101", "dataset": "fashion_mnist"},
        trials=trials, epochs=epochs, card=None, target=jahs_home / "elsewhere", surrogate=None,
    )  # fmt: skip
    bench = jahs_bench.Benchmark("fashion_mnist", "table", save_dir=release)
    config = configurations(1)[0]
    asked = {k: np.asarray(v)[()] if not isinstance(v, str) else v for k, v in config.items()}
    found = bench(asked, 4)[4]
    assert math.isnan(found["size_MB"])
    assert found["valid-acc"] == metrics_of(config, 4)["valid_acc"]


def test_the_usage_page_runs_on_table_and_surrogate(jahs_home: Path) -> None:
    for kind in (jahs_bench.BenchmarkTypes.Surrogate, "table"):
        benchmark = jahs_bench.Benchmark(
            task=jahs_bench.BenchmarkTasks.CIFAR10, kind=kind, download=True, save_dir=jahs_home
        )
        config = benchmark.sample_config(random_state=4)
        assert config == benchmark.sample_config(np.random.RandomState(4))
        epoch = config.pop("epoch")
        assert epoch >= 1
        results = benchmark(config, nepochs=5)
        assert 0 < results[5]["valid-acc"] < 100
        trajectory = benchmark(config, nepochs=5, full_trajectory=True)
        assert list(trajectory) == [1, 2, 3, 4, 5]
        assert trajectory[5] == pytest.approx(results[5], rel=1e-9)


def test_a_random_search_runs_as_in_the_examples(table: jahs_bench.Benchmark) -> None:
    draw = np.random.RandomState(1)
    best = {"valid-acc": 0.0}
    spent = 0.0
    for _ in range(40):
        config = table.sample_config(random_state=draw)
        result = table(config, nepochs=5)[5]
        spent += result["runtime"]
        best = max(best, result, key=lambda each: each["valid-acc"])
    assert best["valid-acc"] == max(table(c, 5)[5]["valid-acc"] for c in configurations(30))
    assert spent > 0


def test_what_cannot_be_answered_is_told_in_a_line(
    table: jahs_bench.Benchmark, jahs_home: Path
) -> None:
    config = configurations(1)[0]
    with pytest.raises(KeyError, match=r"no epoch 9 of .* recorded: \[1, 2, 3, 4, 5\]"):
        table(config, 9)
    with pytest.raises(NotInTableError, match="valid but not in the table"):
        table({**config, "N": 1, "W": 8, "Resolution": 0.5}, 5)
    with pytest.raises(ValueError, match="N=2 is not a choice"):
        table({**config, "N": 2}, 5)
    with pytest.raises(ValueError, match="nepochs=0 is not there"):
        table(config, 0)
    with pytest.raises(ValueError, match="kind='tabular' is no choice"):
        jahs_bench.Benchmark("cifar10", "tabular", save_dir=jahs_home)
    with pytest.raises(NepsbenchError, match="no release nepsbench101-svhn"):
        jahs_bench.Benchmark("svhn", save_dir=jahs_home)
