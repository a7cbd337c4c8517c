"""Gathers single trials into blocks, for importers that read them one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from nepsbench.schema import Status
from nepsbench.spaces import Space
from nepsbench.spaces.parameters import FloatArray
from nepsbench.warehouse.importers.block import Block, Ints

#: Rows, of trials and their epochs, that make a block.
_BLOCK = 122_880


@dataclass(frozen=True, eq=False)
class Table:
    """What all trials of a block have in common, one object; the words are :class:`Block`'s."""

    space: Space
    dataset: str
    recipe: str
    part: str | None = None
    about: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Trial:
    """One training. A missing value is NaN.

    Attributes:
        number: The configuration's.
        repeat: From 1, among all trainings of that configuration.
        codes: The encoded configuration.
        horizon: Epochs of the schedule.
        seed: Training seed, or None.
        metrics: Trial metrics.
        epochs: Recorded epochs, from 1.
        curves: Epoch metrics, each as long as ``epochs``.
        trained: Epochs that it came to.
        reason: Why these are fewer than the schedule's.
    """

    number: int
    repeat: int
    codes: tuple[float, ...]
    horizon: int
    seed: int | None
    metrics: Mapping[str, float]
    epochs: Ints
    curves: Mapping[str, FloatArray]
    trained: int
    reason: str | None = None


class Collector:
    """Trials that wait for a block, each table for itself."""

    def __init__(self) -> None:
        self._trials: dict[tuple[Table, bool], list[Trial]] = {}
        self._rows: dict[tuple[Table, bool], int] = {}

    def add(self, table: Table, trial: Trial) -> Iterator[Block]:
        """Take a trial; yield its block if that is full now."""
        # A column of seeds is there or not.
        key = (table, trial.seed is not None)
        self._trials.setdefault(key, []).append(trial)
        self._rows[key] = self._rows.get(key, 0) + 1 + len(trial.epochs)
        if self._rows[key] >= _BLOCK:
            del self._rows[key]
            yield _block(key[0], self._trials.pop(key))

    def rest(self) -> Iterator[Block]:
        """Yield what is left."""
        for (table, _), trials in self._trials.items():
            yield _block(table, trials)


def _block(table: Table, trials: list[Trial]) -> Block:
    lengths = np.array([len(trial.epochs) for trial in trials])
    failed = any(trial.reason for trial in trials)
    return Block(
        space=table.space,
        dataset=table.dataset,
        recipe=table.recipe,
        part=table.part,
        about=table.about,
        numbers=np.array([trial.number for trial in trials]),
        repeats=np.array([trial.repeat for trial in trials]),
        codes=np.array([trial.codes for trial in trials], dtype=np.float64),
        horizons=np.array([trial.horizon for trial in trials]),
        seeds=None if trials[0].seed is None else np.array([trial.seed for trial in trials]),
        trained=np.array([trial.trained for trial in trials]),
        statuses=tuple(_status(trial) for trial in trials) if failed else None,
        reasons=tuple(trial.reason for trial in trials) if failed else None,
        metrics={
            name: np.array([trial.metrics.get(name, np.nan) for trial in trials])
            for name in sorted({name for trial in trials for name in trial.metrics})
        },
        trial_of_epoch=np.repeat(np.arange(len(trials)), lengths),
        epochs=np.concatenate([trial.epochs for trial in trials]).astype(np.int64),
        epoch_metrics={
            name: np.concatenate([_curve(trial, name) for trial in trials])
            for name in sorted({name for trial in trials for name in trial.curves})
        },
    )


def _status(trial: Trial) -> Status:
    return Status.COMPLETE if trial.reason is None else Status.FAILED


def _curve(trial: Trial, name: str) -> FloatArray:
    curve = trial.curves.get(name)
    return np.full(len(trial.epochs), np.nan) if curve is None else curve
