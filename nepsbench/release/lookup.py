"""Memory-mapped point lookups: from a configuration to its trials and their metrics.

``lookup/arrays.bin`` holds arrays, ``lookup/index.json`` says where they are and how they are coded
(:mod:`nepsbench.release.coding`).

- ``configurations``: in a finite space they are ordered by number, and ``numbers`` is left out
  where all of the space is there. In others they are ordered by ``keys`` (the ``config_id`` as a
  number), and ``codes`` has each one's encoded form. The *place* of a configuration is its row.
- A *block* a horizon. Its trials are ordered by place and seed: ``trials_of_each`` of them for each
  configuration, or, where that differs, those from ``trial_offsets[place]`` on. Where no seed was
  published, ``seeds`` has the number of the repeat, from 0. Trial t of a block is row
  ``first_trial + t`` of ``trials.parquet``.
- ``epochs``: where all trials of the block have recorded the same ones, the list ``of_each``, and
  metrics are arranged epoch by epoch, in a column each where there are few. Otherwise ``values``
  has the epochs of trial t from ``offsets[t]`` on, and so have the metrics.
- A metric that has no value in a block is left out of it. A trial metric that is the same for all
  trials of a configuration has one value ``of_configuration``.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nepsbench.errors import CorruptedFileError
from nepsbench.release.coding import Arrays, Column
from nepsbench.schema import Status

#: The folder of these files in a release, and the two files.
LOOKUP = "lookup"
ARRAYS = "arrays.bin"
INDEX = "index.json"
#: Folders that only a table of NAS-Bench-101 has: from matrices to numbers, and hashes.
CELLS = "cells"
HASHES = "hashes"

#: Up to so many epochs that all trials have recorded, each has columns of its own.
FEW_EPOCHS = 8

#: Fixed for this release format: statuses are counted in this order.
STATUSES = (
    Status.PENDING,
    Status.RUNNING,
    Status.COMPLETE,
    Status.DIVERGED,
    Status.TIMEOUT,
    Status.OOM,
    Status.FAILED,
)


@dataclass(frozen=True)
class MetricColumns:
    """The values of one metric in a block.

    Attributes:
        columns: One, or one an epoch.
        of_trial: True if there is one value a trial, whatever the epoch.
        of_configuration: True if there is one value for all trials of a configuration.
    """

    columns: tuple[Column, ...]
    of_trial: bool
    of_configuration: bool


@dataclass(frozen=True)
class Block:
    """The trials of one horizon.

    Attributes:
        horizon: Epochs of their learning-rate schedule.
        first_trial: Row of the first in ``trials.parquet``.
        trials: How many there are.
        each: How many each configuration has; None where that differs.
        trial_offsets: First trial of each configuration; empty where all have the same number.
        seeds: Seed of each trial.
        statuses: Its place in ``STATUSES``.
        all_complete: True if every trial is complete.
        epochs: What all trials have recorded; None where that differs.
        epoch_offsets: First epoch of each trial; empty where all have the same.
        epoch_values: The epochs then.
        metrics: By name.
    """

    horizon: int
    first_trial: int
    trials: int
    each: int | None
    trial_offsets: memoryview
    seeds: Column
    statuses: Column
    all_complete: bool
    epochs: tuple[int, ...] | None
    epoch_offsets: memoryview
    epoch_values: Column | None
    metrics: Mapping[str, MetricColumns]

    def trials_of(self, place: int) -> range:
        """Return the trials of a configuration."""
        if self.each is not None:
            return range(place * self.each, (place + 1) * self.each)
        return range(self.trial_offsets[place], self.trial_offsets[place + 1])

    def recorded(self, trial: int) -> Sequence[int]:
        """Return the recorded epochs of a trial, ascending."""
        if self.epochs is not None:
            return self.epochs
        assert self.epoch_values is not None
        rows = range(self.epoch_offsets[trial], self.epoch_offsets[trial + 1])
        return [self.epoch_values.at(row) for row in rows]

    def position(self, trial: int, epoch: int) -> int:
        """Return where an epoch of a trial lies, for :meth:`located`; -1 if it is not there."""
        if self.epochs is not None:
            return self.epochs.index(epoch) if epoch in self.epochs else -1
        assert self.epoch_values is not None
        end = self.epoch_offsets[trial + 1]
        row = bisect_left(
            range(end), epoch, self.epoch_offsets[trial], end, key=self.epoch_values.at
        )
        return row if row < end and self.epoch_values.at(row) == epoch else -1

    def located(self, name: str, position: int) -> tuple[Column, int]:
        """Return an epoch metric's column at a position, and what a trial's row is counted from.

        Where all trials have the same epochs, a trial's row is that number plus the trial;
        otherwise it is the number itself.
        """
        columns = self.metrics[name].columns
        if self.epochs is None:
            return columns[0], position
        if len(columns) > 1:
            return columns[position], 0
        return columns[0], position * self.trials


@dataclass(frozen=True)
class Lookup:
    """An open lookup.

    Attributes:
        count: How many configurations there are.
        seeds: ``published``, ``repeats`` (there are none, repeats are counted) or ``mixed``.
        numbers: Their numbers in a finite space; None where all of it is there.
        keys: Their keys in another space; None in a finite one.
        codes: Their encoded forms there, shape (configurations, parameters).
        blocks: By horizon, ascending.
        arrays: The file.
    """

    count: int
    seeds: str
    numbers: memoryview | None
    keys: memoryview | None
    codes: NDArray[Any] | None
    blocks: Mapping[int, Block]
    arrays: Arrays


def open_lookup(directory: Path) -> Lookup:
    """Map the arrays of a lookup into memory; nothing is read until it is asked for.

    Raises:
        CorruptedFileError: If a file is not what was written.
    """
    path = directory / INDEX
    try:
        index = json.loads(path.read_bytes())
        arrays = Arrays(directory / ARRAYS)
        found = index["configurations"]
        codes = None
        if "codes" in found:
            flat = arrays.view(found["codes"])
            codes = np.frombuffer(flat, dtype=flat.format).reshape(found["count"], -1)
        return Lookup(
            count=found["count"],
            seeds=index["seeds"],
            numbers=arrays.view(found["numbers"]) if "numbers" in found else None,
            keys=arrays.view(found["keys"]) if "keys" in found else None,
            codes=codes,
            blocks={each["horizon"]: _block(arrays, each) for each in index["blocks"]},
            arrays=arrays,
        )
    except (OSError, ValueError, KeyError, TypeError):
        raise CorruptedFileError(f"{path}: no lookup; fetch the release again") from None


def _block(arrays: Arrays, index: Mapping[str, Any]) -> Block:
    trials = index["trials"]
    epochs = index["epochs"]
    same = tuple(epochs["of_each"]) if "of_each" in epochs else None
    none = memoryview(b"")
    offsets = index["trial_offsets"]
    return Block(
        horizon=index["horizon"],
        first_trial=index["first_trial"],
        trials=trials,
        each=index["trials_of_each"],
        trial_offsets=none if offsets is None else arrays.view(offsets),
        seeds=arrays.column(index["seeds"], trials),
        statuses=arrays.column(index["statuses"], trials),
        all_complete=index["statuses"].get("value") == STATUSES.index(Status.COMPLETE),
        epochs=same,
        epoch_offsets=none if same is not None else arrays.view(epochs["offsets"]),
        epoch_values=None if same is not None else arrays.column(epochs["values"], epochs["count"]),
        metrics={
            name: MetricColumns(
                tuple(arrays.column(each, _rows(trials, epochs)) for each in coded["columns"]),
                coded.get("of_trial", False),
                coded.get("of_configuration", False),
            )
            for name, coded in index["metrics"].items()
        },
    )


def _rows(trials: int, epochs: Mapping[str, Any]) -> int:
    """Return the most rows that a column of a block can have; what a constant needs to know."""
    return max(trials * len(epochs["of_each"]) if "of_each" in epochs else epochs["count"], trials)
