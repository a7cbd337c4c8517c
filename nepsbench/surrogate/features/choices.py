"""Features of single parameters: what any space has, one that a file describes, too.

A choice of numbers is a number, and one-hot as well where there are few; other choices are one-hot;
of two choices, one says all. Reals are on the scale on which they are drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial

import numpy as np
from numpy.typing import NDArray

from nepsbench.spaces.parameters import Categorical, Float, FloatArray, Scalar
from nepsbench.spaces.space import Space
from nepsbench.surrogate.features.block import Block, Features, Keyed

#: Choices of numbers are one-hot, too, up to this many.
_FEW = 8
#: Combinations of choices whose features are listed, at most.
_MOST_KEYS = 1 << 14


def parameter_blocks(space: Space, *, without: Collection[str] = ()) -> list[Block]:
    """Return the features of the space's parameters, but for those that others tell better."""
    kept = [name for name in space.names if name not in without]
    return [*_choices(space, kept, nominal=()), *_reals(space, kept)]


def one_hot_blocks(space: Space) -> list[Block]:
    """Return what JAHS-Bench-201's surrogate sees: fidelities as numbers, other choices one-hot."""
    nominal = [name for name in space.names if name not in space.fidelities]
    return [*_choices(space, space.names, nominal=nominal), *_reals(space, space.names)]


def _choices(space: Space, kept: Collection[str], *, nominal: Collection[str]) -> list[Block]:
    """Return all features of choices as one block, so that one look finds them for a row."""
    names: list[str] = []
    columns: list[int] = []
    starts: list[int] = []
    table: list[float] = []
    for column, parameter in enumerate(space.parameters):
        if not isinstance(parameter, Categorical) or parameter.name not in kept:
            continue
        for name, values in _table(parameter, nominal=parameter.name in nominal):
            names.append(name)
            columns.append(column)
            starts.append(len(table))
            table += values
    if not names:
        return []
    places = np.array(starts, dtype=np.intp)[:, np.newaxis]
    known = partial(_look_up, np.array(table, dtype=np.float32), np.array(columns), places)
    return [Block(tuple(names), known, _keyed(space, sorted(set(columns)), known))]


def _keyed(
    space: Space, columns: list[int], values: Callable[[FloatArray], Features]
) -> Keyed | None:
    """Return the features of all combinations of choices, unless there are too many of these."""
    parameters = [space.parameters[column] for column in columns]
    sizes = [len(each.choices) for each in parameters if isinstance(each, Categorical)]
    steps = np.cumprod([1, *sizes[:0:-1]])[::-1]
    if (count := int(np.prod(sizes))) > _MOST_KEYS:
        return None

    def table() -> Features:
        codes = np.zeros((count, len(space.parameters)))
        codes[:, columns] = np.stack(np.unravel_index(np.arange(count), sizes), axis=1)
        return values(codes)

    return Keyed(partial(_number_of, np.array(columns), steps), table)


def _number_of(
    columns: NDArray[np.intp], steps: NDArray[np.intp], codes: FloatArray
) -> NDArray[np.intp]:
    return (steps @ codes.T.take(columns, axis=0)).astype(np.intp)


def _reals(space: Space, kept: Collection[str]) -> list[Block]:
    blocks = []
    for log in (False, True):
        found = [
            (column, parameter.name)
            for column, parameter in enumerate(space.parameters)
            if isinstance(parameter, Float) and parameter.log == log and parameter.name in kept
        ]
        if found:
            columns, names = zip(*found, strict=True)
            blocks.append(Block(names, partial(_real, np.array(columns), log)))
    return blocks


def _table(parameter: Categorical, *, nominal: bool) -> list[tuple[str, list[float]]]:
    """Return the name of each feature of a choice, and its value for each of the choices."""
    choices = parameter.choices
    indices = range(len(choices))
    numbers = [float(choice) for choice in choices] if _are_numbers(choices) else None
    if len(choices) <= 2:
        return [(parameter.name, numbers if numbers and not nominal else [*map(float, indices)])]
    one_hot = [
        (f"{parameter.name}={choice}", [float(index == other) for other in indices])
        for index, choice in enumerate(choices)
    ]
    if numbers is None or nominal:
        return one_hot
    return [(parameter.name, numbers), *(one_hot if len(choices) <= _FEW else [])]


def _are_numbers(choices: tuple[Scalar, ...]) -> bool:
    return all(isinstance(c, int | float) and not isinstance(c, bool) for c in choices)


def _look_up(
    table: Features, columns: NDArray[np.intp], places: NDArray[np.intp], codes: FloatArray
) -> Features:
    return table.take(codes.T.take(columns, axis=0).astype(np.intp) + places)


def _real(columns: NDArray[np.intp], log: bool, codes: FloatArray) -> Features:
    values = codes.T.take(columns, axis=0)
    return (np.log10(values) if log else values).astype(np.float32)
