"""NATS-Bench's record of an architecture, which NAS-Bench-201 and NAS-Bench-360 have, too.

An entry maps hyper-parameter sets (``12``, ``200``: epochs of the schedule) to the results by
(dataset, seed). Epochs count from 0 there, from 1 here. A set of images that was measured only at
some epochs has no value at the others.
Source: nats-bench 1.8, ``ArchResults`` and ``ResultsCount``; NATS-tss-v1_0-3ffb9.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from nepsbench.errors import CorruptedFileError
from nepsbench.spaces import FiniteSpace, nasbench201, nats_size
from nepsbench.spaces.parameters import FloatArray
from nepsbench.warehouse.importers.block import Block, Ints

#: Which split a published set of images is, by dataset.
Sets = Mapping[str, Mapping[str, str]]

_UNDIVIDED = {"x-valid": "valid", "ori-test": "test"}
_DIVIDED = {"x-valid": "valid", "x-test": "test", "ori-test": "ori_test"}
#: ``cifar10`` was trained on all 50,000 images: it has no valid split.
NATS_SETS: Sets = {
    "cifar10-valid": _UNDIVIDED,
    "cifar10": {"ori-test": "test"},
    "cifar100": _DIVIDED,
    "ImageNet16-120": _DIVIDED,
}
#: Latency is published for a mini-batch of this size. Division by a power of two is exact.
LATENCY_BATCH = 256
_WRITE = {
    nasbench201.SPACE.name: nasbench201.to_arch_str,
    nats_size.SPACE.name: nats_size.to_channels_str,
}
#: Recorded epochs of a dataset that make a block.
_BLOCK = 122_880


@dataclass(frozen=True)
class Trial:
    """One training.

    Attributes:
        dataset: Its name.
        number: The architecture's.
        repeat: From 1, among all trainings of that architecture on that dataset.
        horizon: Epochs of the schedule.
        seed: Training seed.
        metrics: Trial metrics.
        epochs: Recorded epochs, from 1.
        curves: Epoch metrics, each as long as ``epochs``; NaN is missing.
    """

    dataset: str
    number: int
    repeat: int
    horizon: int
    seed: int
    metrics: Mapping[str, float]
    epochs: Ints
    curves: Mapping[str, FloatArray]


@dataclass(frozen=True)
class Dialect:
    """What differs between the tables that have such records.

    Attributes:
        recipe: Name of the published training pipeline.
        sets: The datasets that it has, and their splits.
        horizons: Epochs of the schedule by key; others are numbers.
        no_accuracy: Datasets whose ``acc`` is no accuracy, and is left out.
    """

    recipe: str
    sets: Sets
    horizons: Mapping[str, int]
    no_accuracy: frozenset[str] = frozenset()


def trials_of(entry: Any, number: int, *, dialect: Dialect, origin: str) -> list[Trial]:
    """Return the trials of an architecture's entry, by horizon, then in the published order.

    Raises:
        CorruptedFileError: If it is not such an entry; names the place in it.
    """
    trials: list[Trial] = []
    counts: dict[str, int] = {}
    try:
        for key, state in entry.items():
            for dataset, seed in _published_order(state):
                place = f"{key}, {dataset}, seed {seed}"
                counts[dataset] = counts.get(dataset, 0) + 1
                horizon = dialect.horizons.get(key) or int(key)
                result = state["all_results"][dataset, seed]
                trials.append(
                    _trial(result, dataset, seed, number, counts[dataset], horizon, dialect)
                )
    except (AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
        where = f" ({place})" if trials or counts else ""
        raise CorruptedFileError(
            f"{origin}: entry {number}{where} is not as published: "
            f"{type(error).__name__} {error}; get the published file"
        ) from None
    return trials


def space_of(architecture: object, *, origin: str) -> FiniteSpace:
    """Return the space that a published architecture string is of.

    Raises:
        CorruptedFileError: If it is of none.
    """
    if isinstance(architecture, str):
        for mark, space in (("|", nasbench201.SPACE), (":", nats_size.SPACE)):
            if mark in architecture:
                return space
    raise CorruptedFileError(
        f"{origin}: {architecture!r} is no architecture of NATS-Bench; get the published file"
    )


def check_architecture(entry: Any, number: int, *, space: FiniteSpace, origin: str) -> None:
    """Refuse an entry that belongs to another architecture than its number's.

    Raises:
        CorruptedFileError: If it does.
    """
    expected = None
    if 0 <= number < space.size:
        write = _WRITE[space.name]
        expected = write(space.at(number))
    states = entry.values() if isinstance(entry, dict) else [entry]
    for state in states:
        found = state.get("arch_str") if isinstance(state, dict) else None
        if found != expected or found is None:
            raise CorruptedFileError(
                f"{origin}: entry {number} is of {found!r}, and number {number} of {space.name} "
                f"is {expected!r}; get the published file"
            )


def _published_order(state: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Return the keys of all results: those of nats-bench's list in its order, then others."""
    listed = [(name, seed) for name, seeds in state["dataset_seed"].items() for seed in seeds]
    return listed + [key for key in state["all_results"] if key not in set(listed)]


def _trial(
    result: Mapping[str, Any],
    dataset: str,
    seed: int,
    number: int,
    repeat: int,
    horizon: int,
    dialect: Dialect,
) -> Trial:
    if dataset not in dialect.sets:
        raise ValueError(f"dataset {dataset!r} is none of {', '.join(dialect.sets)}")
    if result["epochs"] != horizon:
        raise ValueError(f"epochs {result['epochs']!r}")
    curves = _curves(result, horizon, dialect.sets[dataset])
    if dataset in dialect.no_accuracy:
        curves = {name: curve for name, curve in curves.items() if "_acc" not in name}
    latency = result.get("latency")
    if latency:
        curve = curves.setdefault("latency", np.full(horizon, np.nan))
        curve[-1] = sum(map(float, latency)) / len(latency) / LATENCY_BATCH
    recorded = ~np.isnan(np.stack([*curves.values()])).all(axis=0)
    return Trial(
        dataset=dataset,
        number=number,
        repeat=repeat,
        horizon=horizon,
        seed=int(seed),
        metrics={"params": _number(result["params"]), "flops": _number(result["flop"])},
        epochs=np.flatnonzero(recorded) + 1,
        curves={name: curve[recorded] for name, curve in curves.items()},
    )


def _curves(
    result: Mapping[str, Any], horizon: int, sets: Mapping[str, str]
) -> dict[str, FloatArray]:
    curves: dict[str, FloatArray] = {}
    for published, name in (
        ("train_acc1es", "train_acc"),
        ("train_acc5es", "train_acc5"),
        ("train_losses", "train_loss"),
        ("train_times", "train_duration"),
    ):
        values = result.get(published)
        if values:
            curves[name] = _filled(values.keys(), values.values(), horizon)
    for published, suffix in (
        ("eval_acc1es", "acc"), ("eval_losses", "loss"), ("eval_times", "duration"),
    ):  # fmt: skip
        for name, values in _by_set(result.get(published) or {}).items():
            curves[f"{sets[name]}_{suffix}"] = _filled(values.keys(), values.values(), horizon)
    return curves


def _by_set(values: Mapping[str, Any]) -> dict[str, dict[int, Any]]:
    """Return what is published by ``set@epoch`` by set and epoch."""
    found: dict[str, dict[int, Any]] = {}
    for key, value in values.items():
        name, epoch = _place(key)
        found.setdefault(name, {})[epoch] = value
    return found


@lru_cache(maxsize=10_000)
def _place(key: str) -> tuple[str, int]:
    name, _, epoch = key.partition("@")
    return name, int(epoch)


def _filled(epochs: Iterable[int], values: Iterable[Any], horizon: int) -> FloatArray:
    curve = np.full(horizon, np.nan)
    places = np.array(list(epochs))
    if places.size and (places.dtype.kind != "i" or places.min() < 0):
        raise ValueError(f"epochs {places[:3]!r}")
    found = list(values)
    curve[places] = found if {*map(type, found)} == {float} else [*map(_number, found)]
    return curve


def _number(value: Any) -> float:
    """Return a published number; a missing one is NaN.

    Raises:
        TypeError: If it is none.
    """
    if value is None:
        return np.nan
    if not isinstance(value, float | int):
        raise TypeError(f"{value!r} is no number")
    return float(value)


class Collector:
    """Gathers trials until they make a block, each dataset for itself."""

    def __init__(self, space: FiniteSpace, recipe: str) -> None:
        self._space = space
        self._recipe = recipe
        self._trials: dict[str, list[Trial]] = {}
        self._epochs: dict[str, int] = {}

    def add(self, trials: Iterable[Trial]) -> Iterator[Block]:
        """Take trials; yield the blocks that are full."""
        for trial in trials:
            self._trials.setdefault(trial.dataset, []).append(trial)
            self._epochs[trial.dataset] = self._epochs.get(trial.dataset, 0) + len(trial.epochs)
        for dataset, epochs in self._epochs.items():
            if epochs >= _BLOCK:
                yield self._block(dataset)

    def rest(self) -> Iterator[Block]:
        """Yield what is left."""
        for dataset, trials in self._trials.items():
            if trials:
                yield self._block(dataset)

    def _block(self, dataset: str) -> Block:
        trials = self._trials[dataset]
        self._trials[dataset], self._epochs[dataset] = [], 0
        lengths = np.array([len(trial.epochs) for trial in trials])
        names = sorted({name for trial in trials for name in trial.curves})
        numbers = np.array([trial.number for trial in trials])
        return Block(
            space=self._space,
            dataset=dataset,
            recipe=self._recipe,
            numbers=numbers,
            repeats=np.array([trial.repeat for trial in trials]),
            codes=self._space.codes_at(numbers),
            horizons=np.array([trial.horizon for trial in trials]),
            seeds=np.array([trial.seed for trial in trials]),
            metrics={
                name: np.array([trial.metrics[name] for trial in trials])
                for name in ("params", "flops")
            },
            trial_of_epoch=np.repeat(np.arange(len(trials)), lengths),
            epochs=np.concatenate([trial.epochs for trial in trials]),
            epoch_metrics={
                name: np.concatenate([_curve(trial, name) for trial in trials]) for name in names
            },
        )


def _curve(trial: Trial, name: str) -> FloatArray:
    curve = trial.curves.get(name)
    return np.full(len(trial.epochs), np.nan) if curve is None else curve
