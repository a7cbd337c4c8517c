"""Every value that nats-bench returns can be derived, bit for bit, from the imported tables."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from nats_tables import SIZE, entry, table, write_folder

from nepsbench.spaces import nats_size
from nepsbench.warehouse import Warehouse
from nepsbench.warehouse.importing import import_table
from tests.client.adapters.libraries import library

pytestmark = pytest.mark.whole

nats_bench = library("nats_bench")

DATASETS = ("cifar10-valid", "cifar10", "cifar100", "ImageNet16-120")
#: nats-bench's words for our splits.
WORDS = {"valid": "valid", "test": "test", "ori_test": "valtest"}

Curve = dict[int, dict[str, float]]


def mean(values: list[float]) -> float:
    """Return the mean, summed in nats-bench's order: ascending seeds."""
    return sum(values) / len(values)


class Tables:
    """What was imported of one configuration, by dataset, horizon and seed."""

    def __init__(self, warehouse: Warehouse, number: int) -> None:
        self.trials: dict[tuple[str, int], dict[int, dict[str, Any]]] = defaultdict(dict)
        self.curves: dict[tuple[str, int, int], Curve] = defaultdict(dict)
        for row in warehouse.query(f"SELECT * FROM trials WHERE taskid = {number}").to_pylist():
            self.trials[row["dataset"], row["horizon"]][row["seed"]] = row
        for row in warehouse.query(
            f"SELECT * FROM curves WHERE taskid = {number} ORDER BY epoch"
        ).to_pylist():
            self.curves[row["dataset"], row["horizon"], row["seed"]][row["epoch"]] = row

    def seeds(self, dataset: str, horizon: int) -> list[int]:
        return sorted(self.trials[dataset, horizon])

    def more_info(self, dataset: str, horizon: int, epoch: int, seeds: list[int]) -> dict[str, Any]:
        """Return the numbers of nats-bench's ``get_more_info`` after an epoch, from 1."""
        info: dict[str, Any] = {}
        for split, word in {"train": "train", **WORDS}.items():
            curves = [self.curves[dataset, horizon, seed] for seed in seeds]
            if any(curve[epoch][f"{split}_{name}"] is None for curve in curves
                   for name in ("loss", "acc")):  # fmt: skip
                continue
            spent = [
                sum(curve[past][f"{split}_duration"] for past in range(1, epoch + 1))
                for curve in curves
            ]
            info[f"{word}-loss"] = mean([curve[epoch][f"{split}_loss"] for curve in curves])
            info[f"{word}-accuracy"] = mean([curve[epoch][f"{split}_acc"] for curve in curves])
            info[f"{word}-all-time"] = mean(spent)
            info[f"{word}-per-time"] = info[f"{word}-all-time"] / epoch
        return info

    def cost_info(self, dataset: str, horizon: int) -> dict[str, Any]:
        """Return nats-bench's ``get_cost_info``."""
        seeds = self.seeds(dataset, horizon)
        trials = [self.trials[dataset, horizon][seed] for seed in seeds]
        info: dict[str, Any] = {
            "flops": mean(self._consistent([trial["flops"] for trial in trials], seeds)),
            "params": mean(self._consistent([trial["params"] for trial in trials], seeds)),
            "latency": mean(
                [self.curves[dataset, horizon, seed][horizon]["latency"] * 256 for seed in seeds]
            ),
        }
        divided = dataset in ("cifar100", "ImageNet16-120")
        names = {"train": "train", "valid": "x-valid", "test": "x-test" if divided else "ori-test",
                 "ori_test": "ori-test"}  # fmt: skip
        for split, name in names.items():
            times = [
                [row[f"{split}_duration"] for row in self.curves[dataset, horizon, seed].values()]
                for seed in seeds
            ]
            if times[0][0] is not None:
                info[f"T-{name}@total"] = mean([sum(each) for each in times])
                info[f"T-{name}@epoch"] = mean([mean(each) for each in times])
        return info

    @staticmethod
    def _consistent(values: list[float], seeds: list[int]) -> list[float]:
        """Return the values, or that of seed 888 where they differ, as nats-bench does."""
        if len({f"{value:.5f}" for value in values}) > 1:
            return [values[seeds.index(888)]]
        return values


def compare(warehouse: Warehouse, path: Path, space: str, numbers: list[int]) -> int:
    """Compare everything; return how many values were compared."""
    api = nats_bench.create(str(path), space, fast_mode=True, verbose=False)
    horizons = ("12", "200") if space == "tss" else ("01", "12", "90")
    compared = 0
    for number in numbers:
        tables = Tables(warehouse, number)
        for hp in horizons:
            for dataset in DATASETS:
                seeds = tables.seeds(dataset, int(hp))
                assert seeds == list(api.query_by_index(number, dataset, hp=hp))
                theirs = api.get_cost_info(number, dataset, hp=hp)
                assert theirs == tables.cost_info(dataset, int(hp)), (number, hp, dataset)
                compared += len(theirs)
                for choice in (False, *seeds):
                    for iepoch in (None, *range(int(hp))):
                        theirs = api.get_more_info(
                            number, dataset, iepoch=iepoch, hp=hp, is_random=choice
                        )
                        theirs.pop("comment", None)
                        epoch = int(hp) if iepoch is None else iepoch + 1
                        chosen = seeds if choice is False else [choice]
                        ours = tables.more_info(dataset, int(hp), epoch, chosen)
                        assert theirs == ours, (number, hp, dataset, choice, iepoch)
                        compared += len(theirs)
    return compared


def test_all_values_of_the_published_fragment_agree(
    warehouse: Warehouse, shared_data: Path
) -> None:
    path = shared_data / "nasbench201" / "nats_topology" / "NATS-tss-v1_0-3ffb9-simple"
    import_table(warehouse, "nats", path)
    assert compare(warehouse, path, "tss", [0, 11]) > 50_000


def test_all_values_of_a_drawn_topology_table_agree(warehouse: Warehouse, tmp_path: Path) -> None:
    entries = {7: entry(7)}
    path = write_folder(tmp_path / "NATS-tss", entries, table(entries))
    import_table(warehouse, "nats", path)
    assert compare(warehouse, path, "tss", [7]) > 20_000


def test_all_values_of_a_drawn_size_table_agree(warehouse: Warehouse, tmp_path: Path) -> None:
    entries = {number: entry(number, nats_size.SPACE, SIZE) for number in (3, 32_767)}
    path = write_folder(tmp_path / "NATS-sss", entries, table(entries, nats_size.SPACE))
    import_table(warehouse, "nats", path)
    assert compare(warehouse, path, "sss", [3, 32_767]) > 10_000
