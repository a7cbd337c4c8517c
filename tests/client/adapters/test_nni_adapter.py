"""NNI's queries, on records whose rows are computed here as NNI's database was made."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nepsbench.client.adapters.nni import (
    NasBench101Benchmark,
    NasBench201Benchmark,
    query_nb101_trial_stats,
    query_nb201_trial_stats,
    query_nds_trial_stats,
)
from nepsbench.errors import InvalidConfigurationError
from nepsbench.spaces import cells, nasbench101, nasbench201
from nepsbench.spaces.nds_notation import Sweep, from_nni
from nepsbench.warehouse.importers.block import Block
from tests.client.adapters.blocks import publish_block
from tests.client.adapters.nasbench101_records import made_up_runs, parameters_of
from tests.spaces.nds_published import NETWORKS
from tests.warehouse.nats_tables import entry

#: What NNI reads of NAS-Bench-201's files: train, valid, test and the undivided test set.
SETS = {
    "cifar10-valid": ("x-valid", "ori-test", "ori-test"),
    "cifar10": ("ori-test", "ori-test", "ori-test"),
    "cifar100": ("x-valid", "x-test", "ori-test"),
    "ImageNet16-120": ("x-valid", "x-test", "ori-test"),
}


def nb101_arch(number: int) -> dict[str, Any]:
    return nasbench101.to_nni(nasbench101.SPACE.at(number))


def nb201_arch(number: int) -> dict[str, str]:
    return cells.to_nni(nasbench201.cell_of(nasbench201.SPACE.at(number)))


def without_ids(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row without the ids, which are ours."""
    kept = {name: value for name, value in row.items() if name != "id"}
    kept["config"] = {name: value for name, value in row["config"].items() if name != "id"}
    if "intermediates" in row:
        kept["intermediates"] = [
            {name: value for name, value in each.items() if name != "id"}
            for each in row["intermediates"]
        ]
    return kept


def nb101_row(number: int, epochs: int, run: Mapping[str, float]) -> dict[str, Any]:
    """A row of NNI's, with seconds where NNI has 60 times as much."""
    configuration = nasbench101.SPACE.at(number)
    arch = nb101_arch(number)

    def measured(part: str) -> dict[str, float]:
        return {
            "train_acc": run[f"{part}_train_accuracy"] * 100,
            "valid_acc": run[f"{part}_validation_accuracy"] * 100,
            "test_acc": run[f"{part}_test_accuracy"] * 100,
            "training_time": run[f"{part}_training_time"],
        }

    return {
        "config": {
            "arch": arch, "num_vertices": len(arch) // 2 + 2,
            "hash": nasbench101.hash_of(configuration), "num_epochs": epochs,
        },
        "parameters": parameters_of(number) / 1e6,
        **measured("final"),
        "intermediates": [
            {"current_epoch": epochs // 2, **measured("halfway")},
            {"current_epoch": epochs, **measured("final")},
        ],
    }  # fmt: skip


def test_rows_of_nasbench101_are_nnis(small_cells: Path) -> None:
    for number in (2, 90, 2000):
        arch = nb101_arch(number)
        found = [
            without_ids(row)
            for row in query_nb101_trial_stats(
                arch, None, include_intermediates=True, home=small_cells
            )
        ]
        assert found == [
            nb101_row(number, epochs, run)
            for epochs, runs in made_up_runs(number).items()
            for run in runs
        ]
        single = [*query_nb101_trial_stats(arch, 36, home=small_cells)]
        assert len(single) == 3
        assert "intermediates" not in single[0]
        (mean,) = query_nb101_trial_stats(arch, 36, reduction="mean", home=small_cells)
        assert mean["id"] is None
        assert list(mean) == list(single[0])
        for name in ("valid_acc", "training_time", "parameters"):
            assert mean[name] == sum(row[name] for row in single) / 3
        (empty,) = query_nb101_trial_stats(
            arch, 36, reduction="mean", include_intermediates=True, home=small_cells
        )
        assert empty["intermediates"] == []


def test_isomorphic_cells_match_unless_they_must_be_the_same(small_cells: Path) -> None:
    known = ((arch, permuted(arch)) for arch in map(nb101_arch, range(91, 2532)))
    published, other = next((arch, moved) for arch, moved in known if moved)
    found = [*query_nb101_trial_stats(other, 108, home=small_cells)]
    assert found == [*query_nb101_trial_stats(published, 108, home=small_cells)]
    assert found[0]["config"]["arch"] == published
    assert not [*query_nb101_trial_stats(other, 108, isomorphism=False, home=small_cells)]
    same = query_nb101_trial_stats(published, 108, isomorphism=False, home=small_cells)
    assert [*same] == found


def permuted(arch: Mapping[str, Any]) -> dict[str, Any]:
    """Return the cell with two vertices exchanged that no edge joins; {} if it is the same."""
    for first in (1, 2):
        second = first + 1
        if first in arch[f"input{second}"]:
            continue
        swap = {first: second, second: first}
        moved = {}
        for name, value in arch.items():
            kind, vertex = name.rstrip("0123456789"), int(name.lstrip("opinut"))
            if kind == "input":
                value = sorted(swap.get(source, source) for source in value)
            moved[f"{kind}{swap.get(vertex, vertex)}"] = value
        if moved != arch:
            return moved
    return {}


def test_wildcards_and_ids_of_nasbench101(small_cells: Path) -> None:
    rows = [*query_nb101_trial_stats(None, 4, reduction="none", home=small_cells)]
    assert len(rows) == 3 * 2533
    assert len({row["id"] for row in rows}) == len(rows)
    assert len({row["config"]["id"] for row in rows}) == 2533
    assert not [*query_nb101_trial_stats(nb101_arch(2), 5, home=small_cells)]
    assert not [*query_nb101_trial_stats(nb101_arch(400_000), 4, home=small_cells)]
    assert not [*query_nb101_trial_stats({"op1": "conv9x9", "input1": [0], "input2": [1]}, 4,
                                         home=small_cells)]  # fmt: skip
    with pytest.raises(ValueError, match="reduction='median' is no choice"):
        [*query_nb101_trial_stats(None, 4, reduction="median", home=small_cells)]


def nb201_row(number: int, dataset: str, epochs: int, seed: int) -> dict[str, Any]:
    """A row of NNI's, computed from the published record."""
    record = entry(number)[str(epochs)]["all_results"][dataset, seed]
    names = dict(zip(("valid", "test", "ori_test"), SETS[dataset], strict=True))

    def measured(epoch: int) -> dict[str, float | None]:
        at = {name: f"{published}@{epoch}" for name, published in names.items()}
        return {
            "train_acc": record["train_acc1es"][epoch],
            "train_loss": record["train_losses"][epoch],
            **{f"{name}_acc": record["eval_acc1es"].get(key) for name, key in at.items()},
            **{f"{name}_loss": record["eval_losses"].get(key) for name, key in at.items()},
        }

    last = epochs - 1
    return {
        "config": {
            "arch": nb201_arch(number), "num_epochs": epochs, "num_channels": 16, "num_cells": 5,
            "dataset": dataset.lower(),
        },
        "seed": seed,
        **measured(last),
        "parameters": record["params"],
        "flops": record["flop"],
        "latency": sum(record["latency"]) / 2,
        "training_time": record["train_times"][last] * epochs,
        **{
            f"{name}_evaluation_time": record["eval_times"][f"{published}@{last}"]
            for name, published in names.items()
        },
        "intermediates": [
            {"current_epoch": epoch + 1, **measured(epoch)} for epoch in range(epochs)
        ],
    }  # fmt: skip


@pytest.mark.parametrize("epochs", [12, 200])
@pytest.mark.parametrize("dataset", SETS)
def test_rows_of_nasbench201_are_nnis(
    dataset: str, epochs: int, topology: tuple[Path, Path]
) -> None:
    home = topology[1]
    seeds = entry(11)[str(epochs)]["dataset_seed"][dataset]
    asked = (nb201_arch(11), epochs, dataset.lower())
    found = [*query_nb201_trial_stats(*asked, include_intermediates=True, home=home)]
    assert [without_ids(row) for row in found] == [
        nb201_row(11, dataset, epochs, seed) for seed in sorted(seeds)
    ]
    (mean,) = query_nb201_trial_stats(*asked, reduction="mean", home=home)
    assert (mean["id"], mean["seed"]) == (None, None)
    for name in ("valid_acc", "ori_test_loss", "latency"):
        assert mean[name] == sum(row[name] for row in found) / len(found)


def test_wildcards_and_ids_of_nasbench201(topology: tuple[Path, Path]) -> None:
    home = topology[1]
    rows = [*query_nb201_trial_stats(None, None, None, home=home)]
    assert len(rows) == 3 * (5 + 12)
    assert len({row["id"] for row in rows}) == len(rows)
    assert {row["config"]["id"] for row in rows} == {
        1 + number * 8 + rank for number in (7, 11, 2024) for rank in range(8)
    }
    assert len([*query_nb201_trial_stats(None, 200, "cifar100", home=home)]) == 9
    assert not [*query_nb201_trial_stats(None, 13, "cifar100", home=home)]
    assert not [*query_nb201_trial_stats(nb201_arch(8), 200, "cifar100", home=home)]
    assert not [*query_nb201_trial_stats({"0_1": "none"}, 200, "cifar100", home=home)]


def test_evaluators_give_a_drawn_trial(small_cells: Path, topology: tuple[Path, Path]) -> None:
    cell = NasBench101Benchmark(108, "valid_acc", include_intermediates=True, home=small_cells)
    intermediate: list[float] = []
    final: list[float] = []
    cell.report_intermediate_result = intermediate.append
    cell.report_final_result = final.append
    random.seed(4)
    value = cell.evaluate({f"model/{k}": v for k, v in {"final": nb101_arch(90)}.items()})
    random.seed(4)
    row = random.choice([*query_nb101_trial_stats(nb101_arch(90), 108, home=small_cells)])
    assert value == row["valid_acc"] == cell_at(90, row, small_cells)
    assert final == [value * 0.01]
    assert len(intermediate) == 2

    edges = NasBench201Benchmark(200, "cifar100", "test_acc", home=topology[1])
    scoped = {f"a/b/{name}": operation for name, operation in nb201_arch(7).items()}
    known = {row["test_acc"] for row in edges.rows(nb201_arch(7))}
    assert {edges.evaluate(scoped) for _ in range(50)} == known
    with pytest.raises(ValueError, match="nothing is known of"):
        edges.evaluate(nb201_arch(8))
    space = edges.default_space()
    assert edges.validate_space({f"a/{name}": list(each) for name, each in space.items()}) == space
    with pytest.raises(InvalidConfigurationError, match="the space is"):
        edges.validate_space({**space, "0_1": ("none",)})
    assert cell.default_space()["input6"] == (0, 1, 2, 3, 4, 5)


def cell_at(number: int, row: Mapping[str, Any], home: Path) -> float:
    """Return the accuracy of the same trial, asked without the evaluator."""
    rows = query_nb101_trial_stats(nb101_arch(number), 108, home=home)
    found: float = next(each["valid_acc"] for each in rows if each["id"] == row["id"])
    return found


def test_an_evolution_runs_as_on_nni(small_cells: Path) -> None:
    """The shape of NNI's own test: mutate the better of a few, by what the evaluator gives."""
    random.seed(0)
    evaluator = NasBench101Benchmark(home=small_cells)
    numbers = range(91, 2532)
    population = [(evaluator.evaluate(nb101_arch(n)), n) for n in random.sample(numbers, 20)]
    first = max(population)[0]
    for _ in range(200):
        parent = max(random.sample(population, 5))[1]
        child = min(max(parent + random.randint(-5, 5), 91), 2531)
        population = [*population[1:], (evaluator.evaluate(nb101_arch(child)), child)]
    assert max(population)[0] > first


@pytest.fixture(scope="module")
def nds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """A data home with four families of NDS, and the rows that NNI would have of them."""
    home, rows = tmp_path_factory.mktemp("nds"), []
    for family, proposer, model_spec, cell_spec, params, flops in NETWORKS:
        sweep = Sweep(proposer, "random", "cifar10")
        space, configuration = from_nni(
            family, model_spec, cell_spec, sweep=sweep, base_lr=0.1, weight_decay=5e-4
        )
        errors = np.array([[60.0, 20.0, 30.0], [70.5, 40.0, 35.25], [55.0, 21.0, 22.0]])
        losses = np.array([[2.0, 1.0, 1.5], [np.nan, 1.25, 1.125], [3.0, 2.0, np.nan]])
        block = Block(
            space=space, dataset="cifar10", recipe="nds", numbers=np.zeros(3, dtype=int),
            repeats=np.arange(1, 4), codes=np.array([space.encode(configuration)] * 3),
            horizons=np.full(3, 3), seeds=np.array([1, 2, 7]),
            metrics={
                "params": np.full(3, params), "flops": np.full(3, flops or 600.0),
                "iter_time": np.full(3, 0.125),
            },
            trial_of_epoch=np.repeat(np.arange(3), 3), epochs=np.tile([1, 2, 3], 3),
            epoch_metrics={
                "train_acc": 100 - errors.ravel(), "test_acc": 99 - errors.ravel(),
                "train_loss": losses.ravel(),
            },
        )  # fmt: skip
        publish_block(home, block)
        for seed, error, loss in zip((1, 2, 7), errors, losses, strict=True):
            rows.append(
                {
                    "config": {
                        "model_family": family, "model_spec": model_spec, "cell_spec": cell_spec,
                        "dataset": "cifar10", "generator": "random", "proposer": proposer,
                        "base_lr": 0.1, "weight_decay": 5e-4, "num_epochs": 3,
                    },
                    "seed": seed,
                    "final_train_acc": 100 - error[-1], "final_test_acc": 99 - error[-1],
                    "final_train_loss": None if np.isnan(loss[-1]) else loss[-1],
                    "best_train_acc": 100 - error.min(), "best_test_acc": 99 - error.min(),
                    "best_train_loss": np.nanmin(loss),
                    "parameters": params, "flops": flops or 600.0, "iter_time": 0.125,
                }
            )  # fmt: skip
    return home, rows


def test_rows_of_nds_are_nnis(nds: tuple[Path, list[dict[str, Any]]]) -> None:
    home, expected = nds
    for family, proposer, model_spec, cell_spec, *_ in NETWORKS:
        own = [row for row in expected if row["config"]["model_family"] == family]
        for asked in (
            (family, None, None, None, None, None),
            (None, proposer, "random", None, None, "cifar10"),
            (None, None, None, model_spec, None, None),
            (family, proposer, "random", model_spec, cell_spec, "cifar10", 3),
        ):
            found = [without_ids(row) for row in query_nds_trial_stats(*asked, home=home)]
            assert found == own
    everything = [*query_nds_trial_stats(*[None] * 6, include_intermediates=True, home=home)]
    assert len(everything) == len({row["id"] for row in everything}) == 12
    assert [each["current_epoch"] for each in everything[0]["intermediates"]] == [1, 2, 3]
    assert everything[0]["intermediates"][1]["train_acc"] == 80.0
    assert not [*query_nds_trial_stats("vanilla", "resnet", None, None, None, None, home=home)]
    (mean,) = query_nds_trial_stats("vanilla", *[None] * 5, reduction="mean", home=home)
    assert mean["seed"] is None
    assert mean["final_train_loss"] == (1.5 + 1.125) / 2
