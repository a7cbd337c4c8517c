"""A block of features: some columns of numbers that configurations of one space have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nepsbench.spaces.parameters import FloatArray

#: Trees compare 32-bit numbers, as CatBoost does.
Features: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True)
class Block:
    """Features that belong together.

    Attributes:
        names: One a feature.
        values: From encoded configurations, shape (rows, parameters), to shape (names, rows).
        keyed: The same by a key, where they follow from one.
    """

    names: tuple[str, ...]
    values: Callable[[FloatArray], Features]
    keyed: Keyed | None = None


@dataclass(frozen=True)
class Keyed:
    """How features follow from a key, of which there are not too many to list.

    Attributes:
        keys: From encoded configurations, shape (rows, parameters), to keys, shape (rows,).
        table: Makes the features of all keys, shape (names, keys).
    """

    keys: Callable[[FloatArray], NDArray[np.intp]]
    table: Callable[[], Features]


def stacked(columns: Mapping[str, NDArray[Any]]) -> tuple[tuple[str, ...], Features]:
    """Return the names of columns, and the columns as rows of one array."""
    return tuple(columns), np.stack([np.asarray(c, dtype=np.float32) for c in columns.values()])
