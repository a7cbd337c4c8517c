"""From rows of a lookup to answers: single values, means, and why there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from nepsbench.client.benchmark import Answer
from nepsbench.release.lookup import STATUSES, Block
from nepsbench.schema import Status

COMPLETE = STATUSES.index(Status.COMPLETE)


#: What a column is indexed by: the epoch's row of each trial, the trial, or the configuration.
BY_EPOCH, BY_TRIAL, BY_CONFIGURATION = range(3)

#: How one metric is read, ``span(base + row, count)``: its name, ``span``, ``base``, and one of the
#: above. A plain tuple: an answer unpacks one for each metric.
Entry = tuple[str, Callable[[int, int], Sequence[float]], int, int]
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


def plan_of(block: Block, position: int, names: Iterable[str], *, mapped: bool = True) -> Plan:
    """Return how metrics are read.

    Args:
        block: The trials.
        position: The epoch's place in the block's list, where all trials have the same epochs.
        names: Metrics, in the order of an answer; those without values in the block are left out.
        mapped: If False, no page of what is read stays in the process's memory.
    """
    entries: list[Entry] = []
    for name in names:
        metric = block.metrics.get(name)
        if metric is None:
            continue
        if metric.of_trial:
            kind = BY_CONFIGURATION if metric.of_configuration else BY_TRIAL
            column, base = metric.columns[0], 0
        else:
            # Where trials differ in their epochs, the row of each is known only with the trial.
            column, base = block.located(name, position)
            kind = BY_EPOCH
        entries.append((name, column.span if mapped else column.unmapped_span, base, kind))
    return tuple(entries)


def answer(plan: Plan, found: Found) -> Answer:
    """Return the mean over the found trials; of one trial, its very values."""
    values: Answer = {}
    by = (found.rows, found.trials, range(found.place, found.place + 1))
    for name, span, base, kind in plan:
        rows = by[kind]
        if type(rows) is range:
            known = span(base + rows.start, len(rows))
        else:
            known = [span(base + row, 1)[0] for row in rows]
        value = known[0] if len(known) == 1 else mean(known)
        if value == value:  # NaN, a missing value, is not
            values[name] = value
    return values


def mean(values: Sequence[float]) -> float:
    """Return the mean of the values that are not NaN; of equal ones, that value.

    Added up one by one, so that it is the same bits as over columns; ``sum`` does it otherwise
    from Python 3.12 on.
    """
    first = values[0]
    total = 0.0
    same = True
    for value in values:
        total += value
        if value != first:
            same = False
    if same:
        return first
    if total == total:
        return total / len(values)
    known = [value for value in values if value == value]
    return mean(known) if known else first


def spans(epochs: Sequence[int]) -> str:
    """Return ascending numbers in words: ``1 to 3, 5, 7 to 12``."""
    found: list[list[int]] = []
    for epoch in epochs:
        if found and epoch == found[-1][-1] + 1:
            found[-1][1:] = [epoch]
        else:
            found.append([epoch])
    return ", ".join(" to ".join(map(str, span)) for span in found)
