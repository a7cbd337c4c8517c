"""What earlier waves measured, set beside the rows of a profile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from nepsbench.errors import CorruptedFileError, SpecError
from nepsbench.sampling.profile import Profile
from nepsbench.scheduling.assignment import IntArray
from nepsbench.spaces.parameters import FloatArray


@dataclass(frozen=True)
class Measured:
    """For each trial of a profile what is known of it.

    Attributes:
        seconds_per_epoch: NaN where unknown, shape (trials,).
        epochs: Epochs trained, shape (trials,).
        ended: True where no training is to come, shape (trials,).
    """

    seconds_per_epoch: FloatArray
    epochs: IntArray
    ended: NDArray[np.bool_]

    def epochs_left(self, target: int) -> IntArray:
        """Return how many epochs each trial lacks to ``target``."""
        return np.where(self.ended, 0, np.maximum(target - self.epochs, 0))


def set_back(
    measured: Measured, profile: Profile, epochs: Mapping[tuple[int, int], int]
) -> Measured:
    """Return ``measured`` with some trials, by taskid and model_idx, set back to these epochs.

    A trial that had ended has not any more.
    """
    if not epochs:
        return measured
    trained, ended = measured.epochs.copy(), measured.ended.copy()
    keys = zip(profile.taskid.tolist(), profile.model_idx.tolist(), strict=True)
    for row, key in enumerate(keys):
        if key in epochs:
            trained[row], ended[row] = epochs[key], False
    return replace(measured, epochs=trained, ended=ended)


def nothing_measured(profile: Profile) -> Measured:
    """Return what is known before the first wave."""
    count = len(profile)
    return Measured(
        np.full(count, np.nan), np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.bool_)
    )


def read_measured(path: Path, profile: Profile) -> Measured:
    """Read measured runtimes from Parquet; see :func:`align` for the columns.

    Raises:
        SpecError: If there is no such file, or a column is missing.
        CorruptedFileError: If it is no Parquet file.
    """
    try:
        table = pq.read_table(path, partitioning=None)
    except FileNotFoundError:
        raise SpecError(f"{path}: no such file of measured runtimes") from None
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise CorruptedFileError(
            f"{path}: not a readable Parquet file ({reason}); write it again"
        ) from None
    try:
        return align(table, profile)
    except SpecError as error:
        raise SpecError(f"{path}: {error}") from None


def align(table: pa.Table, profile: Profile) -> Measured:
    """Return a table's values in the order of the profile's trials.

    Args:
        table: ``taskid``, ``model_idx``, ``seconds_per_epoch`` and, if known, ``epochs`` (trained)
            and ``ended`` (no training is to come). Rows of other trials are left out; a trial
            without a row, or with a null there, is unknown.
        profile: The profile.

    Raises:
        SpecError: If a column is missing, or holds something else.
    """
    measured = nothing_measured(profile)
    # One number a trial, so that a million of them are found by one binary search.
    taskid, model_idx = _keys(table, "taskid"), _keys(table, "model_idx")
    stride = 1 + int(max(profile.model_idx.max(initial=0), model_idx.max(initial=0)))
    keys = profile.taskid * stride + profile.model_idx
    order = np.argsort(keys, kind="stable")
    wanted = taskid * stride + model_idx
    position = np.searchsorted(keys, wanted, sorter=order)
    rows = order[np.minimum(position, len(order) - 1)]
    found = (position < len(order)) & (keys[rows] == wanted)
    measured.seconds_per_epoch[rows[found]] = _numbers(table, "seconds_per_epoch")[found]
    if "epochs" in table.column_names:
        epochs = np.nan_to_num(_numbers(table, "epochs"), posinf=0).astype(np.int64)
        measured.epochs[rows[found]] = epochs[found]
    if "ended" in table.column_names:
        measured.ended[rows[found]] = _numbers(table, "ended")[found] == 1
    return measured


def _keys(table: pa.Table, name: str) -> IntArray:
    """Return a column of whole numbers without gaps."""
    column = _column(table, name)
    if not pa.types.is_integer(column.type) or column.null_count:
        raise SpecError(f"column {name!r} must hold a whole number in every row")
    return np.asarray(column, dtype=np.int64)


def _numbers(table: pa.Table, name: str) -> FloatArray:
    """Return a column of numbers, or of yes and no; a null is NaN."""
    column = _column(table, name)
    kinds = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_null)
    if not any(is_kind(column.type) for is_kind in kinds):
        raise SpecError(f"column {name!r} must hold numbers, not {column.type}")
    return np.asarray(column.cast(pa.float64()), dtype=np.float64)


def _column(table: pa.Table, name: str) -> pa.ChunkedArray:
    if name not in table.column_names:
        raise SpecError(
            f"has no column {name!r}; measured runtimes need taskid, model_idx and "
            "seconds_per_epoch"
        )
    return table[name]
