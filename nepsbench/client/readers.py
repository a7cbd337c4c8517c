"""The fastest way to one metric by number, where all trials of a block are alike."""

from __future__ import annotations

from collections.abc import Callable

from nepsbench.client.answering import BY_CONFIGURATION, mean, plan_of
from nepsbench.client.places import Places
from nepsbench.errors import NotInTableError
from nepsbench.release.lookup import Block

#: From a configuration's number to one metric of it.
Reader = Callable[[int], float]


def has_fast_reader(block: Block, metric: str, epoch: int | None) -> bool:
    """Return whether all trials of a block are complete, alike in number and epochs, and have it.

    Args:
        block: The trials of a horizon.
        metric: A metric.
        epoch: The epoch; the last one without.
    """
    alike = block.epochs is not None and bool(block.each) and block.all_complete
    return alike and metric in block.metrics and (epoch is None or epoch in (block.epochs or ()))


def fast_reader(
    block: Block, metric: str, position: int, *, places: Places, mapped: bool
) -> Reader:
    """Return what reads a metric at the epoch with a position in the block's list.

    Args:
        block: One for which :func:`has_fast_reader` is true.
        metric: The metric.
        position: Of the epoch.
        places: From numbers to places.
        mapped: If False, no page of what is read stays in the process's memory.
    """
    assert block.each
    if not mapped:
        return _unmapped(block, metric, position, places)
    found = block.metrics[metric]
    column, base = found.columns[0], 0
    if not found.of_trial:
        column, base = block.located(metric, position)
    step = 1 if found.of_configuration else block.each
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


def _unmapped(block: Block, metric: str, position: int, places: Places) -> Reader:
    assert block.each
    [(_, span, base, kind)] = plan_of(block, position, [metric], mapped=False)
    step = 1 if kind == BY_CONFIGURATION else block.each
    place_of = places.place

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
