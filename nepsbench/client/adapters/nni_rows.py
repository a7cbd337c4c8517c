"""NNI's rows: a dictionary a trial, as peewee makes them of NNI's three tables a benchmark."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nepsbench.client.adapters.published import OutsideError
from nepsbench.client.trial_values import HorizonValues

Row = dict[str, Any]
#: From the trials of a horizon, a trial and an epoch to a value; NaN is missing.
Read = Callable[[HorizonValues, int, int], float]

#: Intermediate results of a trial have ids of their own below this.
_EPOCHS = 10_000


@dataclass(frozen=True)
class Fields:
    """The numbers of a benchmark's rows, by NNI's names.

    Attributes:
        final: Of a trial, read at its last epoch.
        intermediate: Of each recorded epoch.
        has_seed: True if rows have the training seed.
    """

    final: Mapping[str, Read]
    intermediate: Mapping[str, Read]
    has_seed: bool


@dataclass(frozen=True)
class Trials:
    """The trials of one configuration and schedule.

    Attributes:
        config: NNI's configuration, with its ``id``.
        values: Trials of the horizon.
        trials: Those of the configuration.
    """

    config: Row
    values: HorizonValues
    trials: Sequence[int]


def metric(name: str, scale: float = 1.0) -> Read:
    """Return what reads a metric, times a factor."""
    if scale == 1.0:
        return lambda values, trial, epoch: values.value(name, epoch)(trial)
    return lambda values, trial, epoch: values.value(name, epoch)(trial) * scale


def checked_reduction(reduction: str | None) -> bool:
    """Return True for the mean, False for single trials.

    Raises:
        OutsideError: If it is neither.
    """
    if reduction not in (None, "none", "mean"):
        raise OutsideError(f"reduction={reduction!r} is no choice; choose None or 'mean'")
    return reduction == "mean"


def rows_of(
    found: Trials, fields: Fields, *, is_mean: bool, include_intermediates: bool
) -> Iterator[Row]:
    """Yield a row a trial, or one of means, which has neither id nor seed nor intermediates."""
    if is_mean:
        known = [_numbers(found, fields.final, trial) for trial in found.trials]
        means = {name: _mean([each[name] for each in known]) for name in fields.final}
        yield _row(None, None, found, means, fields, [] if include_intermediates else None)
        return
    seeds = found.values.seeds_of(found.trials) if fields.has_seed else found.trials
    for place, (trial, seed) in enumerate(zip(found.trials, seeds, strict=True), start=1):
        number = found.config["id"] * 100 + place
        between = None
        if include_intermediates:
            between = [*_intermediates(found, fields.intermediate, trial, number)]
        numbers = _numbers(found, fields.final, trial)
        yield _row(number, seed, found, numbers, fields, between)


def _row(
    number: int | None,
    seed: int | None,
    found: Trials,
    numbers: Mapping[str, float | None],
    fields: Fields,
    intermediates: list[Row] | None,
) -> Row:
    row: Row = {"id": number, "config": dict(found.config)}
    if fields.has_seed:
        row["seed"] = seed
    row.update(numbers)
    if intermediates is not None:
        row["intermediates"] = intermediates
    return row


def _numbers(
    found: Trials, fields: Mapping[str, Read], trial: int, epoch: int | None = None
) -> dict[str, float | None]:
    at = found.values.horizon if epoch is None else epoch
    numbers: dict[str, float | None] = {}
    for name, read in fields.items():
        value = read(found.values, trial, at)
        numbers[name] = value if value == value else None
    return numbers


def _intermediates(
    found: Trials, fields: Mapping[str, Read], trial: int, number: int
) -> Iterator[Row]:
    for epoch in found.values.recorded(trial):
        numbers = _numbers(found, fields, trial, epoch)
        if epoch > 0 and any(value is not None for value in numbers.values()):
            yield {"id": number * _EPOCHS + epoch, "current_epoch": epoch, **numbers}


def _mean(values: Sequence[float | None]) -> float | None:
    """Return the mean of what is known, as SQL's ``avg``."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
