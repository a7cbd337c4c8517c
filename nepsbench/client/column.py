"""One metric of a whole table as an array: for millions of questions at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nepsbench.client.answering import COMPLETE
from nepsbench.client.places import Places
from nepsbench.errors import InvalidConfigurationError, NotInTableError
from nepsbench.release.lookup import Block
from nepsbench.spaces.parameters import FloatArray

Ints = NDArray[np.integer[Any]]
Flags = NDArray[np.bool_]

#: Numbers of a space up to which every one, in the table or not, has a row in a column.
_DENSE = 1 << 24


class Column:
    """The values of one metric, by the number of the configuration; a missing value is NaN.

    Attributes:
        metric: Its name.
        values: By place in the table, float64, shape (configurations,); read-only.
    """

    def __init__(self, metric: str, values: FloatArray, places: Places, why: str) -> None:
        self.metric = metric
        self.values = values
        self._places, self._why = places, why
        numbers = places.numbers()
        self._numbers = numbers
        self._by_number: FloatArray | None = values
        if numbers is not None:
            self._by_number = None
            if places.limit <= _DENSE:
                self._by_number = np.full(places.limit, np.nan)
                self._by_number[numbers] = values
        values.flags.writeable = False
        self._view = None if self._by_number is None else self._by_number.data

    def __len__(self) -> int:
        """Return the number of configurations in the table."""
        return len(self.values)

    def __getitem__(self, number: int) -> float:
        """Return the value of the configuration with a number.

        Raises:
            InvalidConfigurationError: If the space has no such number.
            NotInTableError: If the table has no value for it.
        """
        if self._view is None or not 0 <= number < len(self._view):
            place = self._places.place(number)
            value: float = self.values[place].item()
        else:
            value = self._view[number]
        if value != value:
            self._places.place(number)
            raise NotInTableError(f"{self._why} of configuration {number}")
        return value

    def take(self, numbers: ArrayLike) -> FloatArray:
        """Return the values of many configurations, float64, shape (rows,); NaN where missing.

        Args:
            numbers: Whole numbers, any type; a configuration may stand more than once.

        Raises:
            InvalidConfigurationError: If one of them is none of the space.
        """
        rows = np.asarray(numbers)
        if rows.dtype.kind not in "iu":
            if len(rows):
                raise InvalidConfigurationError("configurations are taken by whole numbers")
            rows = rows.astype(np.int64)
        if len(rows) and not 0 <= rows.min() <= rows.max() < self._places.limit:
            outside = (rows < 0) | (rows >= self._places.limit)
            self._places.place(int(rows[np.argmax(outside)]))
        if self._by_number is not None:
            return self._by_number.take(rows)
        assert self._numbers is not None
        found = np.searchsorted(self._numbers, rows).clip(max=len(self._numbers) - 1)
        return np.where(self._numbers[found] == rows, self.values[found], np.nan)


def column_values(
    block: Block, metric: str, epoch: int | None, *, configurations: int, seed: int | None
) -> FloatArray:
    """Return a metric at an epoch for every place of a table, as single answers would give it.

    Args:
        block: The trials of the horizon.
        metric: Name of the metric.
        epoch: The epoch; each configuration's last one without.
        configurations: How many there are.
        seed: One training seed; the mean over complete trials without.
    """
    none = np.full(configurations, np.nan)
    if metric not in block.metrics:
        return none
    if seed is None and block.all_complete and block.each and block.epochs is not None:
        asked = block.epochs[-1] if epoch is None else epoch
        return _regular(block, metric, asked, block.each) if asked in block.epochs else none
    owner = _owners(block, configurations)
    chosen = _chosen(block, owner, configurations, seed)
    rows = _rows(block, owner, chosen, configurations, epoch)
    used = np.flatnonzero(rows >= 0)
    found = block.metrics[metric]
    if found.of_configuration:
        none[owner[used]] = found.columns[0].take(owner[used])
        return none
    if found.of_trial:
        return _means(found.columns[0].take(used), owner[used], none)
    if block.epochs is None:
        return _means(found.columns[0].take(rows[used]), owner[used], none)
    position = int(rows[used[0]]) if len(used) else 0
    column, base = block.located(metric, position)
    everything = len(used) == block.trials
    taken = column.take(slice(base, base + block.trials) if everything else base + used)
    return _means(taken, owner[used], none)


def trial_values(block: Block, metric: str, epoch: int) -> FloatArray:
    """Return a metric at an epoch for every trial of a block, NaN where it is missing.

    Args:
        block: Trials that are alike in number and epochs.
        metric: Name of the metric.
        epoch: One of the epochs.
    """
    assert block.each
    assert block.epochs is not None
    if metric not in block.metrics:
        return np.full(block.trials, np.nan)
    found = block.metrics[metric]
    if found.of_configuration:
        values = found.columns[0].take(slice(0, block.trials // block.each))
        return np.repeat(values, block.each)
    column, base = found.columns[0], 0
    if not found.of_trial:
        column, base = block.located(metric, block.epochs.index(epoch))
    return column.take(slice(base, base + block.trials))


def _regular(block: Block, metric: str, epoch: int, each: int) -> FloatArray:
    """Return the values where all trials are complete, and alike in number and epochs."""
    assert block.epochs is not None
    found = block.metrics[metric]
    column, base = found.columns[0], 0
    if not found.of_trial:
        column, base = block.located(metric, block.epochs.index(epoch))
    if found.of_configuration:
        return column.take(slice(0, block.trials // each))
    table = column.take(slice(base, base + block.trials)).reshape(-1, each)
    if np.isnan(table).any():
        owner = np.repeat(np.arange(len(table)), each)
        return _means(table.ravel(), owner, np.full(len(table), np.nan))
    total, same = table[:, 0].copy(), np.ones(len(table), dtype=bool)
    for repeat in range(1, each):
        total += table[:, repeat]
        same &= table[:, repeat] == table[:, 0]
    return np.where(same, table[:, 0], total / each)


def _owners(block: Block, configurations: int) -> Ints:
    """Return the place of each trial's configuration."""
    if block.each is not None:
        return np.repeat(np.arange(configurations), block.each)
    offsets = np.frombuffer(block.trial_offsets, dtype=block.trial_offsets.format)
    counts = offsets[1:].astype(np.int64) - offsets[:-1]
    return np.repeat(np.arange(configurations), counts)


def _chosen(block: Block, owner: Ints, configurations: int, seed: int | None) -> Flags:
    """Return which trials answer: of a seed, and complete where any of these is."""
    everything = slice(0, block.trials)
    asked: Flags = np.ones(block.trials, dtype=bool)
    if seed is not None:
        asked = block.seeds.take(everything) == seed
    complete: Flags = asked & (block.statuses.take(everything) == COMPLETE)
    if complete.all():
        return complete
    has_complete = np.zeros(configurations, dtype=bool)
    has_complete[owner[complete]] = True
    chosen: Flags = asked & (complete | ~has_complete[owner])
    return chosen


def _rows(block: Block, owner: Ints, chosen: Flags, configurations: int, epoch: int | None) -> Ints:
    """Return the row of the epoch for each trial, -1 where it is not recorded or not asked for.

    Where all trials have the same epochs, it is the epoch's position.
    """
    if block.epochs is not None:
        asked = block.epochs[-1] if epoch is None else epoch
        position = block.epochs.index(asked) if asked in block.epochs else -1
        return np.where(chosen, position, -1)
    assert block.epoch_values is not None
    ends = np.frombuffer(block.epoch_offsets, dtype=block.epoch_offsets.format).astype(np.int64)
    epochs = block.epoch_values.take(slice(0, int(ends[-1])))
    trial = np.repeat(np.arange(block.trials), np.diff(ends))
    if epoch is None:
        last = np.full(configurations, -1, dtype=np.int64)
        counts = chosen[trial]
        np.maximum.at(last, owner[trial[counts]], epochs[counts])
        is_it = epochs == last[owner[trial]]
    else:
        is_it = epochs == epoch
    rows = np.full(block.trials, -1, dtype=np.int64)
    is_it &= chosen[trial]
    rows[trial[is_it]] = np.flatnonzero(is_it)
    return rows


def _means(values: FloatArray, owner: Ints, none: FloatArray) -> FloatArray:
    """Return the mean of each owner's values, added up in their order; owners ascend.

    The same bits as :func:`nepsbench.client.answering.mean`.
    """
    known = values == values
    if not known.all():
        values, owner = values[known], owner[known]
    if not len(values):
        return none
    begins = np.flatnonzero(np.append(True, owner[1:] != owner[:-1]))
    counts = np.diff(np.append(begins, len(owner)))
    first = values[begins]
    total, same = first.copy(), np.ones(len(begins), dtype=bool)
    for step in range(1, int(counts.max())):
        more = counts > step
        following = values[begins[more] + step]
        total[more] += following
        same[more] &= following == first[more]
    none[owner[begins]] = np.where(same, first, total / counts)
    return none
