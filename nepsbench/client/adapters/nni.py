"""NNI's queries of benchmarks, answered by releases.

Instead of ``from nni.nas.benchmark.nasbench101 import query_nb101_trial_stats`` and so on:

    >>> from nepsbench.client.adapters.nni import query_nb101_trial_stats   # doctest: +SKIP

Rows have NNI's names and units: accuracies in %, parameters and FLOPs in millions. Times are
seconds throughout. What differs stands in ``docs/adapters.md``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from nepsbench.client.adapters.nni_evaluators import NasBench101Evaluator, NasBench201Evaluator
from nepsbench.client.adapters.nni_nds import nds_tables
from nepsbench.client.adapters.nni_rows import (
    Fields,
    Row,
    Trials,
    checked_reduction,
    metric,
    rows_of,
)
from nepsbench.client.adapters.published import Releases
from nepsbench.client.places import Places
from nepsbench.client.table import TableBenchmark
from nepsbench.client.trial_values import HorizonValues, TrialValues
from nepsbench.errors import InvalidConfigurationError, NotInTableError
from nepsbench.home import data_home
from nepsbench.release.lookup import CELLS, HASHES, LOOKUP
from nepsbench.spaces import cells, nasbench101_graph, nasbench201
from nepsbench.spaces.nasbench101_hashes import HashIndex
from nepsbench.spaces.nasbench101_index import CellIndex

__all__ = [
    "NasBench101Benchmark",
    "NasBench201Benchmark",
    "query_nb101_trial_stats",
    "query_nb201_trial_stats",
    "query_nds_trial_stats",
]

#: NNI's names of NAS-Bench-201's datasets, in the order of its rows, and ours.
_DATASETS = {
    "cifar10-valid": "cifar10-valid",
    "cifar10": "cifar10",
    "cifar100": "cifar100",
    "imagenet16-120": "ImageNet16-120",
}
_NB201_EPOCHS = (12, 200)
#: What NNI calls each split: where the test set is undivided it stands for more than one.
_UNDIVIDED = {"valid": "valid", "test": "test", "ori_test": "test"}
_SETS = {
    "cifar10-valid": _UNDIVIDED,
    "cifar10": {**_UNDIVIDED, "valid": "test"},
    "cifar100": {"valid": "valid", "test": "test", "ori_test": "ori_test"},
    "imagenet16-120": {"valid": "valid", "test": "test", "ori_test": "ori_test"},
}
#: NNI's latency is that of a mini-batch of 256, in seconds; the table's of one image.
_LATENCY_BATCH = 256

_ACCURACIES = {name: metric(name) for name in ("train_acc", "valid_acc", "test_acc")}
_NB101 = Fields(
    final={**_ACCURACIES, "parameters": metric("params"), "training_time": metric("runtime")},
    intermediate={**_ACCURACIES, "training_time": metric("runtime")},
    has_seed=False,
)


def query_nb101_trial_stats(
    arch: Mapping[str, Any] | None,
    num_epochs: int | None,
    isomorphism: bool = True,
    reduction: str | None = None,
    include_intermediates: bool = False,
    *,
    home: str | Path | None = None,
) -> Iterator[Row]:
    """Yield rows of NAS-Bench-101's trials.

    Args:
        arch: NNI's dictionary of a cell, ``op1``, ``input1`` and so on; None is every cell.
        num_epochs: The schedule; None is every one.
        isomorphism: False for the published form of a cell only, not what is isomorphic to it.
        reduction: ``mean`` for one row a cell and schedule.
        include_intermediates: True to add what was measured halfway.
        home: Another data home.

    Raises:
        OutsideError: If ``reduction`` is no choice.
    """
    is_mean = checked_reduction(reduction)
    table = _cells_of(data_home(home))
    values = table.values
    for number in table.numbers(arch, isomorphism):
        place = values.places.place_of_number(number)
        config: Row | None = None
        for rank, (horizon, trials) in enumerate(values.horizons.items()):
            if num_epochs not in (None, horizon) or not trials.trials_of(place):
                continue
            if config is None:
                config = table.config(number, place)
            own = {"id": 1 + number * 4 + rank, **config, "num_epochs": horizon}
            yield from rows_of(
                Trials(own, trials, trials.trials_of(place)), _NB101, is_mean=is_mean,
                include_intermediates=include_intermediates,
            )  # fmt: skip


def query_nb201_trial_stats(
    arch: Mapping[str, str] | None,
    num_epochs: int | None,
    dataset: str | None,
    reduction: str | None = None,
    include_intermediates: bool = False,
    *,
    home: str | Path | None = None,
) -> Iterator[Row]:
    """Yield rows of NAS-Bench-201's trials.

    As in NNI, ``valid_acc`` of ``cifar10`` is the accuracy on the test set: all training images
    were trained on.

    Args:
        arch: NNI's dictionary of a cell, ``0_1`` to ``2_3``; None is every cell.
        num_epochs: The schedule, 12 or 200; None is both.
        dataset: ``cifar10-valid``, ``cifar10``, ``cifar100`` or ``imagenet16-120``; None is all.
        reduction: ``mean`` for one row a cell, schedule and dataset.
        include_intermediates: True to add every recorded epoch.
        home: Another data home.

    Raises:
        OutsideError: If ``reduction`` is no choice.
    """
    is_mean = checked_reduction(reduction)
    where = data_home(home)
    tables = {
        name: _opened(ours, where)
        for name, ours in _DATASETS.items()
        if dataset in (None, name) and (dataset is not None or _is_there(ours, where))
    }
    for number in _nb201_numbers(tables, arch):
        own = _nb201_arch(number)
        for horizon in _NB201_EPOCHS if num_epochs is None else (num_epochs,):
            for name, values in tables.items():
                trials = _trials_at(values, number, horizon)
                if trials is None:
                    continue
                config = _nb201_config(number, dict(own), horizon, name)
                yield from rows_of(
                    Trials(config, *trials), _nb201_fields(name), is_mean=is_mean,
                    include_intermediates=include_intermediates,
                )  # fmt: skip


def query_nds_trial_stats(
    model_family: str | None,
    proposer: str | None,
    generator: str | None,
    model_spec: Mapping[str, Any] | None,
    cell_spec: Mapping[str, Any] | None,
    dataset: str | None,
    num_epochs: int | None = None,
    reduction: str | None = None,
    include_intermediates: bool = False,
    *,
    home: str | Path | None = None,
) -> Iterator[Row]:
    """Yield rows of NDS's trials.

    Args:
        model_family: ``nas_cell``, ``residual_bottleneck``, ``residual_basic`` or ``vanilla``.
        proposer: Who proposed the design space.
        generator: ``random``, ``fix_w_d`` or ``tune_lr_wd``.
        model_spec: NNI's dictionary of the network around the cells, or of its stages.
        cell_spec: NNI's dictionary of the cells; empty where there are none.
        dataset: ``cifar10`` or ``imagenet``.
        num_epochs: The schedule. For this and all above, None is everything.
        reduction: ``mean`` for one row a configuration.
        include_intermediates: True to add every recorded epoch.
        home: Another data home.

    Raises:
        OutsideError: If ``reduction`` is no choice.
    """
    is_mean = checked_reduction(reduction)
    asked = {
        "model_family": model_family, "proposer": proposer, "generator": generator,
        "model_spec": model_spec, "cell_spec": cell_spec, "dataset": dataset,
        "num_epochs": num_epochs,
    }  # fmt: skip
    wanted = {name: value for name, value in asked.items() if value is not None}
    for table in nds_tables(data_home(home), model_family, dataset):
        for found in table.matching(wanted):
            yield from rows_of(
                found, table.fields, is_mean=is_mean, include_intermediates=include_intermediates
            )


class NasBench101Benchmark(NasBench101Evaluator):
    """NNI's evaluator of NAS-Bench-101: ``evaluate`` gives one trial's metric, drawn."""

    def rows(self, arch: Mapping[str, Any]) -> Iterator[Row]:
        """Yield the rows that a trial is drawn from."""
        return query_nb101_trial_stats(
            arch, self.num_epochs, include_intermediates=self.include_intermediates, home=self.home
        )


class NasBench201Benchmark(NasBench201Evaluator):
    """NNI's evaluator of NAS-Bench-201: ``evaluate`` gives one trial's metric, drawn."""

    def rows(self, arch: Mapping[str, Any]) -> Iterator[Row]:
        """Yield the rows that a trial is drawn from."""
        return query_nb201_trial_stats(
            arch, self.num_epochs, self.dataset,
            include_intermediates=self.include_intermediates, home=self.home,
        )  # fmt: skip


@cache
def _opened(dataset: str, home: Path) -> TrialValues:
    return TrialValues(Releases(home, "nasbench201-", kind="nats")[dataset])


def _is_there(dataset: str, home: Path) -> bool:
    return dataset in Releases(home, "nasbench201-", kind="nats")


@cache
def _cells_of(home: Path) -> _Cells:
    return _Cells(Releases(home, "nasbench101-", kind="nasbench101")["cifar10"])


class _Cells:
    """NAS-Bench-101's table: trials, and what NNI says of a cell."""

    def __init__(self, bench: TableBenchmark) -> None:
        self.values = TrialValues(bench)
        self._index = CellIndex.open(bench.release / LOOKUP / CELLS)
        self._hashes = HashIndex.open(bench.release / LOOKUP / HASHES)

    def numbers(self, arch: Mapping[str, Any] | None, isomorphism: bool) -> Sequence[int]:
        """Return the numbers of the cells that match."""
        places = self.values.places
        if arch is None:
            return numbers_in(places)
        try:
            place = places.place(_pair_of(arch))
        except (InvalidConfigurationError, NotInTableError):
            return ()
        number = places.number(place)
        if not isomorphism and self.config(number, place)["arch"] != dict(arch):
            return ()
        return (number,)

    def config(self, number: int, place: int) -> Row:
        """Return NNI's configuration but for id and schedule."""
        graph = self._index.graph(number)
        arch: Row = {f"input{vertex}": [] for vertex in range(1, graph.vertices)}
        for source, target in graph.edges:
            arch[f"input{target}"].append(source)
        arch |= {f"op{vertex}": name for vertex, name in enumerate(graph.operations, start=1)}
        text = self._hashes.hash_of(place)
        return {"arch": arch, "num_vertices": graph.vertices, "hash": text}


def numbers_in(places: Places) -> Sequence[int]:
    """Return the numbers of all configurations of a table, ascending."""
    numbers = places.numbers()
    return range(places.count) if numbers is None else numbers.tolist()


def _pair_of(arch: Mapping[str, Any]) -> tuple[list[list[int]], list[str]]:
    """Return matrix and operations of NNI's dictionary; what it lacks makes them no cell."""
    inner = sum(key.startswith("op") for key in arch)
    size = inner + 2
    matrix = [[0] * size for _ in range(size)]
    for target in range(1, size):
        for source in arch.get(f"input{target}", ()):
            if source not in range(target):
                raise InvalidConfigurationError(f"input{target} names vertex {source!r}")
            matrix[source][target] = 1
    operations = [str(arch.get(f"op{vertex}")) for vertex in range(1, size - 1)]
    return matrix, [nasbench101_graph.INPUT, *operations, nasbench101_graph.OUTPUT]


def _nb201_numbers(tables: Mapping[str, TrialValues], arch: Mapping[str, str] | None) -> list[int]:
    if arch is not None:
        number = _nb201_number(tuple(arch.items()))
        return [] if number is None else [number]
    return sorted({n for values in tables.values() for n in numbers_in(values.places)})


@lru_cache(maxsize=nasbench201.SPACE.size)
def _nb201_number(items: tuple[tuple[str, str], ...]) -> int | None:
    try:
        return nasbench201.SPACE.index(nasbench201.from_cell(cells.from_nni(dict(items))))
    except InvalidConfigurationError:
        return None


@lru_cache(maxsize=nasbench201.SPACE.size)
def _nb201_arch(number: int) -> tuple[tuple[str, str], ...]:
    cell = nasbench201.cell_of(nasbench201.SPACE.at(number))
    return tuple(sorted(cells.to_nni(cell).items()))


def _trials_at(
    values: TrialValues, number: int, horizon: int
) -> tuple[HorizonValues, range] | None:
    found = values.horizons.get(horizon)
    if found is None:
        return None
    try:
        trials = found.trials_of(values.places.place_of_number(number))
    except NotInTableError:
        return None
    return (found, trials) if trials else None


def _nb201_config(number: int, arch: Row, horizon: int, dataset: str) -> Row:
    rank = _NB201_EPOCHS.index(horizon) * 4 + [*_DATASETS].index(dataset)
    return {
        "id": 1 + number * 8 + rank, "arch": arch, "num_epochs": horizon, "num_channels": 16,
        "num_cells": 5, "dataset": dataset,
    }  # fmt: skip


@cache
def _nb201_fields(dataset: str) -> Fields:
    sets = {"train": "train", **_SETS[dataset]}
    curves = {
        f"{name}_{what}": metric(f"{split}_{what}")
        for what in ("acc", "loss")
        for name, split in sets.items()
    }
    final = {
        **curves,
        "parameters": metric("params"),
        "latency": metric("latency", _LATENCY_BATCH),
        "flops": metric("flops"),
        "training_time": _training_time,
        **{
            f"{name}_evaluation_time": metric(f"{split}_duration")
            for name, split in sets.items()
            if name != "train"
        },
    }
    return Fields(final, curves, has_seed=True)


def _training_time(values: HorizonValues, trial: int, epoch: int) -> float:
    """Return the seconds of the last epoch times the epochs, as NNI's authors have it."""
    last = values.value("train_duration", epoch)(trial)
    return last * epoch if last == last else values.value("runtime", epoch)(trial)
