"""What earlier waves measured, set beside the rows of a profile."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from nepsbench.errors import CorruptedFileError, SpecError
from nepsbench.sampling.profile import Profile
from nepsbench.scheduling.assignment import IntArray
from nepsbench.schema import Status
from nepsbench.spaces.parameters import FloatArray


@dataclass(frozen=True)
class Measured:
    """For each trial of a profile what is known of it.

    Attributes:
        seconds_per_epoch: NaN where unknown, shape (trials,).
        epochs: Epochs trained, shape (trials,).
        diverged: True where no training can go on, shape (trials,).
    """

    seconds_per_epoch: FloatArray
    epochs: IntArray
    diverged: NDArray[np.bool_]

    def epochs_left(self, target: int) -> IntArray:
        """Return how many epochs each trial lacks to ``target``."""
        return np.where(self.diverged, 0, np.maximum(target - self.epochs, 0))


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
    for name in ("taskid", "model_idx", "seconds_per_epoch"):
        if name not in table.column_names:
            raise SpecError(
                f"{path}: has no column {name!r}; measured runtimes need taskid, model_idx and "
                "seconds_per_epoch"
            )
    return align(table, profile)


def align(table: pa.Table, profile: Profile) -> Measured:
    """Return a table's values in the order of the profile's trials.

    Args:
        table: ``taskid``, ``model_idx``, ``seconds_per_epoch`` and, if known, ``epochs`` (trained)
            and ``status``. Rows of other trials are left out; a trial without a row is unknown.
        profile: The profile.
    """
    measured = nothing_measured(profile)
    # One number a trial, so that a million of them are found by one binary search.
    taskid, model_idx = _int_column(table, "taskid"), _int_column(table, "model_idx")
    stride = 1 + int(max(profile.model_idx.max(initial=0), model_idx.max(initial=0)))
    keys = profile.taskid * stride + profile.model_idx
    order = np.argsort(keys, kind="stable")
    wanted = taskid * stride + model_idx
    position = np.searchsorted(keys, wanted, sorter=order)
    rows = order[np.minimum(position, len(order) - 1)]
    found = (position < len(order)) & (keys[rows] == wanted)
    seconds = np.asarray(table["seconds_per_epoch"], dtype=np.float64)
    measured.seconds_per_epoch[rows[found]] = seconds[found]
    if "epochs" in table.column_names:
        measured.epochs[rows[found]] = _int_column(table, "epochs")[found]
    if "status" in table.column_names:
        diverged = np.array(table["status"].to_pylist(), dtype=object) == Status.DIVERGED.value
        measured.diverged[rows[found]] = diverged[found]
    return measured


def _int_column(table: pa.Table, name: str) -> IntArray:
    return np.asarray(table[name], dtype=np.int64)
