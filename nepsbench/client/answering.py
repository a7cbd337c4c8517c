"""From rows of a lookup to answers: single values, means, and why there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from nepsbench.client.benchmark import Answer
from nepsbench.release.lookup import STATUSES, Block
from nepsbench.schema import Status

COMPLETE = STATUSES.index(Status.COMPLETE)


class Rows(Enum):
    """What a column of a plan is indexed by."""

    EPOCH = "the epoch's row of each trial"
    TRIAL = "each trial"
    CONFIGURATION = "the place of the configuration"


@dataclass(frozen=True)
class Entry:
    """How one metric is read: ``at(base + row)``."""

    name: str
    at: Callable[[int], float]
    base: int
    rows: Rows


#: How all metrics of an epoch are read, in the order of an answer.
Plan = tuple[Entry, ...]


@dataclass(frozen=True)
class Found:
    """The trials of a configuration that recorded an epoch.

    Attributes:
        place: The configuration.
        trials: Ascending.
        rows: The epoch's row of each, for a plan.
    """

    place: int
    trials: Sequence[int]
    rows: Sequence[int]


def plan_of(block: Block, position: int, names: Iterable[str]) -> Plan:
    """Return how metrics are read.

    Args:
        block: The trials.
        position: The epoch's place in the block's list, where all trials have the same epochs.
        names: Metrics, in the order of an answer; those without values in the block are left out.
    """
    entries = []
    for name in names:
        metric = block.metrics.get(name)
        if metric is None:
            continue
        if metric.of_trial:
            kind = Rows.CONFIGURATION if metric.of_configuration else Rows.TRIAL
            entries.append(Entry(name, metric.columns[0].at, 0, kind))
        else:
            column, base = block.located(name, position)
            # Where trials differ in their epochs, the row of each is known only with the trial.
            entries.append(Entry(name, column.at, base, Rows.EPOCH))
    return tuple(entries)


def answer(plan: Plan, found: Found) -> Answer:
    """Return the mean over the found trials; of one trial, its very values."""
    values: Answer = {}
    for entry in plan:
        value = entry_value(entry, found)
        if value == value:  # NaN, a missing value, is not
            values[entry.name] = value
    return values


def entry_value(entry: Entry, found: Found) -> float:
    """Return a metric's mean over the found trials; NaN if none has a value."""
    at = entry.at
    if entry.rows is Rows.CONFIGURATION:
        return at(found.place)
    base = entry.base
    rows = found.rows if entry.rows is Rows.EPOCH else found.trials
    if len(rows) == 1:
        return at(base + rows[0])
    return mean([at(base + row) for row in rows])


def mean(values: Sequence[float]) -> float:
    """Return the mean of the values that are not NaN; of equal ones, that value.

    Added up one by one, so that it is the same bits as over columns; ``sum`` does it otherwise
    from Python 3.12 on.
    """
    total, count, first, same = 0.0, 0, values[0], True
    for value in values:
        if value == value:
            if not count:
                first = value
            elif value != first:
                same = False
            total += value
            count += 1
    if same:
        return first
    return total / count


def spans(epochs: Sequence[int]) -> str:
    """Return ascending numbers in words: ``1 to 3, 5, 7 to 12``."""
    found: list[list[int]] = []
    for epoch in epochs:
        if found and epoch == found[-1][-1] + 1:
            found[-1][1:] = [epoch]
        else:
            found.append([epoch])
    return ", ".join(" to ".join(map(str, span)) for span in found)
