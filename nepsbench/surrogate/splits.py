"""Which trials are held out: at random by group, or a region of the space."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from nepsbench.errors import NepsbenchError
from nepsbench.spaces import Categorical, Space
from nepsbench.spaces.parameters import FloatArray

#: How many times the mean size a group may have to be held out.
_MANY_TIMES = 20


def hold_out(groups: NDArray[np.int64], *, part: float, seed: int) -> NDArray[np.bool_]:
    """Return which trials are held out; a group is never on both sides.

    A group of many times the usual size is never held out: the hundreds of cells of NAS-Bench-201
    that compute nothing are one architecture, and would be half of the judgement.

    Args:
        groups: A number for each trial, equal for what belongs together, shape (trials,).
        part: The part of the groups to hold out; at least one is, and one is not.
        seed: Of the choice.

    Raises:
        NepsbenchError: If there are fewer than two groups.
    """
    distinct, which, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    if len(distinct) < 2:
        raise NepsbenchError("a surrogate can be judged on two configurations or more, not on one")
    count = min(max(1, round(part * len(distinct))), len(distinct) - 1)
    # Sorting raw Philox words, not Generator.permutation: numpy keeps the words for ever.
    order = np.argsort(np.random.Philox(seed).random_raw(len(distinct)), kind="stable")
    usual = sizes <= _MANY_TIMES * sizes.mean()
    is_held_out = np.zeros(len(distinct), dtype=bool)
    is_held_out[order[usual[order]][:count]] = True
    return is_held_out[which]


def regions(
    space: Space, codes: FloatArray, *, most: int
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Yield regions to leave out: for some parameters, the last choice, or the highest quarter.

    Args:
        space: The space; its fidelities come first.
        codes: Encoded configurations, shape (trials, parameters).
        most: How many regions at most.
    """
    order = sorted(space.names, key=lambda name: name not in space.fidelities)
    found = 0
    for name in order:
        column = codes[:, space.names.index(name)]
        parameter = space.parameter(name)
        if isinstance(parameter, Categorical):
            inside = column == len(parameter.choices) - 1
            title = f"{name}={parameter.choices[-1]}"
        else:
            border = float(np.quantile(column, 0.75))
            inside, title = column > border, f"{name}>{border:.3g}"
        # With fewer than two values inside nothing can be ranked, with few outside nothing learnt.
        if found < most and len(np.unique(codes[inside], axis=0)) > 2 and inside.mean() < 0.6:
            found += 1
            yield title, inside
