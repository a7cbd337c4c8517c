"""From NAS-HPO-Bench-II's dicts, a column each, to arrays.

Keys are (hash, learning rate, batch size, seed); without the seed for averages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nepsbench.spaces import nashpobench2
from nepsbench.spaces.parameters import FloatArray
from nepsbench.warehouse.importers.block import Ints

#: Epochs of the runs.
EPOCHS = 12
#: Learning rates times batch sizes.
TRAININGS = len(nashpobench2.LEARNING_RATES) * len(nashpobench2.BATCH_SIZES)
_CURVES = {"acc": "acc", "time": "duration"}
_TOTALS = {
    "total_train_time": "total_train_duration",
    "total_trainval_time": "total_train_valid_duration",
    "total_test_time": "total_test_duration",
}


@dataclass(frozen=True)
class Runs:
    """Runs of 12 epochs, sorted by hash, training and seed.

    Attributes:
        rows: Row numbers by hash.
        training: Learning rate and batch size of each row, as a number below ``TRAININGS``.
        seeds: Seed of each row.
        most_seeds: The largest number of seeds that one configuration has.
        metrics: Trial metrics, shape (rows,).
        curves: Epoch metrics, shape (rows, epochs); NaN is missing.
        recorded: Whether an epoch has any value, shape (rows, epochs).
    """

    rows: Mapping[str, Ints]
    training: Ints
    seeds: Ints
    most_seeds: int
    metrics: Mapping[str, FloatArray]
    curves: Mapping[str, FloatArray]
    recorded: Any


@dataclass(frozen=True)
class Averages:
    """Averages after 200 epochs, sorted by hash and training; attributes as of :class:`Runs`."""

    rows: Mapping[str, Ints]
    training: Ints
    values: FloatArray


def cells_of(info: Any) -> list[str]:
    """Return the hash of every cell code, in the order of the codes' numbers.

    Raises:
        ValueError: If a code is missing or none.
    """
    hashes: dict[int, str] = {}
    for code, name in info["hash"].items():
        configuration = nashpobench2.from_cellcode(str(code))
        hashes[nashpobench2.to_indices(configuration)[0]] = str(name)
    if len(hashes) != nashpobench2.CELLS:
        raise ValueError(f"cellinfo tells of {len(hashes)} of {nashpobench2.CELLS} cell codes")
    return [hashes[cell] for cell in range(nashpobench2.CELLS)]


def runs_of(bench: Any) -> Runs:
    """Return the runs of ``bench12``.

    Raises:
        KeyError: If a column is missing.
        ValueError: If a key is none of the space.
    """
    keys = list(bench["train_acc_0"])
    order, rows, training = _sorted(keys)
    seeds = np.array([int(keys[row][3]) for row in order], dtype=np.int64)
    curves = {
        f"{split}_{ours}": np.stack(
            [_column(bench, f"{split}_{name}_{epoch}", keys)[order] for epoch in range(EPOCHS)],
            axis=1,
        )
        for split in ("train", "valid", "test")
        for name, ours in _CURVES.items()
    }
    most = max((int(np.unique(training[each], return_counts=True)[1].max())
                for each in rows.values()), default=0)  # fmt: skip
    return Runs(
        rows=rows,
        training=training,
        seeds=seeds,
        most_seeds=most,
        metrics={ours: _column(bench, name, keys)[order] for name, ours in _TOTALS.items()},
        curves=curves,
        recorded=~np.isnan(np.stack(list(curves.values()))).all(axis=0),
    )


def averages_of(averages: Any) -> Averages:
    """Return the averages of ``avgaccs200``.

    Raises:
        KeyError: If the column is missing.
        ValueError: If a key is none of the space.
    """
    keys = list(averages["avg_acc"])
    order, rows, training = _sorted(keys)
    return Averages(rows, training, _column(averages, "avg_acc", keys)[order])


def _sorted(keys: list[tuple[Any, ...]]) -> tuple[Ints, dict[str, Ints], Ints]:
    """Return the order of keys, the places in it by hash, and each place's training."""
    rates = {rate: place for place, rate in enumerate(nashpobench2.LEARNING_RATES)}
    sizes = {size: place for place, size in enumerate(nashpobench2.BATCH_SIZES)}
    for key in keys:
        if not isinstance(key, tuple) or key[1] not in rates or key[2] not in sizes:
            raise ValueError(f"key {key!r} is none of hash, learning rate and batch size")
    training = np.array(
        [rates[key[1]] * len(sizes) + sizes[key[2]] for key in keys], dtype=np.int64
    )
    names = [str(key[0]) for key in keys]
    seeds = [key[3] if len(key) > 3 else 0 for key in keys]
    order = np.array(
        sorted(range(len(keys)), key=lambda row: (names[row], training[row], seeds[row])),
        dtype=np.int64,
    )
    rows: dict[str, list[int]] = {}
    for place, row in enumerate(order.tolist()):
        rows.setdefault(names[row], []).append(place)
    return order, {name: np.array(places) for name, places in rows.items()}, training[order]


def _column(table: Any, name: str, keys: list[tuple[Any, ...]]) -> FloatArray:
    """Return a column by the order of keys; what it lacks is NaN."""
    column = table[name]
    if list(column) == keys:
        return np.array(list(column.values()), dtype=np.float64)
    return np.array([column.get(key, np.nan) for key in keys], dtype=np.float64)
