"""The fastest ways to answers where all trials of a block are alike, as in most tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from nepsbench.client.answering import mean
from nepsbench.client.benchmark import Answer
from nepsbench.client.places import Places
from nepsbench.errors import NotInTableError
from nepsbench.release.coding import Column
from nepsbench.release.lookup import Block

#: From a configuration's number to one metric of it.
Reader = Callable[[int], float]


def position_of(block: Block, epoch: int | None) -> int | None:
    """Return an epoch's position in the list of a block whose trials are all complete and alike.

    Args:
        block: The trials of a horizon.
        epoch: The epoch; the last one without.

    Returns:
        The position; None for another block, or an epoch that is not there.
    """
    if not block.epochs or not block.each or not block.all_complete:
        return None
    asked = block.epochs[-1] if epoch is None else epoch
    return block.epochs.index(asked) if asked in block.epochs else None


class AnswerReaders(NamedTuple):
    """What reads whole answers at an epoch.

    Attributes:
        mean: The mean over all trials, by the configuration's place.
        trial: The answer of one trial.
    """

    mean: Callable[[int], Answer]
    trial: Callable[[int], Answer]


def answer_readers(
    block: Block, position: int, names: Sequence[str], *, mapped: bool
) -> AnswerReaders:
    """Return what reads whole answers.

    Args:
        block: One for which :func:`position_of` gives the position.
        position: Of the epoch.
        names: Metrics, in the order of an answer.
        mapped: If False, no page of what is read stays in the process's memory.
    """
    there = [name for name in names if name in block.metrics]
    found = [(name, *_located(block, name, position)) for name in there]
    if not mapped:
        spans = [(name, column.unmapped_span, base, step) for name, column, base, step in found]
        return AnswerReaders(_mean_by_spans(spans), _trial_by_spans(block, spans))
    entries = [(name, column.at, base, step) for name, column, base, step in found]
    return AnswerReaders(_mean_by_rows(entries), _trial_by_rows(block, entries))


#: How a metric is read at an epoch: its name, what reads, the first row, each configuration's rows.
_ByRows = Sequence[tuple[str, Callable[[int], float], int, int]]
_BySpans = Sequence[tuple[str, Callable[[int, int], Sequence[float]], int, int]]


def _mean_by_rows(entries: _ByRows) -> Callable[[int], Answer]:
    def read(place: int) -> Answer:
        values: Answer = {}
        for name, at, base, step in entries:
            row = base + place * step
            value: float = at(row)
            if step == 3:  # the usual number of repeats, without a loop
                second, third = at(row + 1), at(row + 2)
                if not value == second == third:
                    total = value + second + third
                    value = total / 3 if total == total else mean([value, second, third])
            elif step > 1:
                value = mean([at(each) for each in range(row, row + step)])
            if value == value:
                values[name] = value
        return values

    return read


def _trial_by_rows(block: Block, entries: _ByRows) -> Callable[[int], Answer]:
    assert block.each
    # Where a configuration has one row, its trials share it.
    shared = [(name, at, base, block.each // step) for name, at, base, step in entries]

    def read(trial: int) -> Answer:
        values: Answer = {}
        for name, at, base, share in shared:
            value = at(base + trial // share)
            if value == value:
                values[name] = value
        return values

    return read


def _trial_by_spans(block: Block, entries: _BySpans) -> Callable[[int], Answer]:
    read = [(name, _unmapped_at(span), base, step) for name, span, base, step in entries]
    return _trial_by_rows(block, read)


def _mean_by_spans(entries: _BySpans) -> Callable[[int], Answer]:
    def read(place: int) -> Answer:
        values = {name: mean(span(base + place * step, step)) for name, span, base, step in entries}
        return {name: value for name, value in values.items() if value == value}

    return read


def _located(block: Block, metric: str, position: int) -> tuple[Column, int, int]:
    """Return a metric's column, the row of the first configuration, and each one's rows."""
    assert block.each
    found = block.metrics[metric]
    if found.of_trial:
        return found.columns[0], 0, 1 if found.of_configuration else block.each
    return *block.located(metric, position), block.each


def fast_reader(
    block: Block, metric: str, position: int, *, places: Places, mapped: bool
) -> Reader:
    """Return what reads a metric at the epoch with a position in the block's list.

    Args:
        block: One for which :func:`position_of` gives the position, and that has the metric.
        metric: The metric.
        position: Of the epoch.
        places: From numbers to places.
        mapped: If False, no page of what is read stays in the process's memory.
    """
    column, base, step = _located(block, metric, position)
    if not mapped:
        return _unmapped(column, base, step, metric=metric, places=places)
    at, place_of, count = column.at, places.place, places.count
    is_whole = places.numbers() is None

    def read(number: int) -> float:
        if is_whole and type(number) is int and 0 <= number < count:
            row = base + number * step
        else:
            row = base + place_of(number) * step
        if step == 3:  # the usual number of repeats, the loop unrolled
            value: float = at(row)
            second, third = at(row + 1), at(row + 2)
            if not value == second == third:
                total = value + second + third
                value = total / 3 if total == total else mean([value, second, third])
        elif step == 1:
            value = at(row)
        else:
            value = mean([at(each) for each in range(row, row + step)])
        if value != value:
            raise no_value(places, metric, number)
        return value

    return read


def seed_reader(
    block: Block,
    metric: str,
    position: int,
    trials_of: Callable[[int], Sequence[int]],
    *,
    places: Places,
    mapped: bool,
) -> Reader:
    """Return what reads a metric of some trials only, those of a seed.

    Args:
        block: As for :func:`fast_reader`, and so are the others.
        metric: The metric.
        position: Of the epoch.
        trials_of: Chooses trials by place.
        places: From numbers to places.
        mapped: If False, no page of what is read stays in the process's memory.
    """
    column, base, step = _located(block, metric, position)
    assert block.each
    at, share = column.at if mapped else _unmapped_at(column.unmapped_span), block.each // step

    def read(number: int) -> float:
        values = [at(base + trial // share) for trial in trials_of(places.place(number))]
        value = values[0] if len(values) == 1 else mean(values)
        if value != value:
            raise no_value(places, metric, number)
        return value

    return read


def _unmapped_at(span: Callable[[int, int], Sequence[float]]) -> Callable[[int], float]:
    return lambda row: span(row, 1)[0]


def _unmapped(column: Column, base: int, step: int, *, metric: str, places: Places) -> Reader:
    place_of, span = places.place, column.unmapped_span

    def read(number: int) -> float:
        value = mean(span(base + place_of(number) * step, step))
        if value != value:
            raise no_value(places, metric, number)
        return value

    return read


def no_value(places: Places, metric: str, number: int) -> NotInTableError:
    """Return the error of a metric that a configuration has no value of."""
    return NotInTableError(
        f"configuration {number} has no value of {metric} there in {places.title}"
    )
