"""Memory-mapped point lookups: from a configuration to its trials and their metrics.

Trials are sorted by configuration key (the ``config_id`` as a number), then seed. All metrics of a
row lie side by side, so that a whole answer is one touch of memory; a missing value is NaN.

======================  =======  ====================  ========================================
file                    type     shape                 content
======================  =======  ====================  ========================================
``keys.npy``            uint64   trials                configuration key, ascending
``codes.npy``           float64  trials x parameters   encoded configuration
``seeds.npy``           int64    trials                training seed
``statuses.npy``        uint8    trials                place in ``STATUSES``
``rows.npy``            int64    trials                row in ``trials.parquet``
``trial_metrics.npy``   float64  trials x metrics      metrics of the whole trial
``offsets.npy``         int64    trials + 1            first row of the trial in epoch arrays
``epochs.npy``          int64    epochs                epoch, ascending within a trial
``epoch_metrics.npy``   float64  epochs x metrics      metrics of the epoch
``firsts.npy``          int64    configurations        first trial of each configuration
======================  =======  ====================  ========================================

Metrics stand in the order of the manifest's metric dictionary.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nepsbench.errors import CorruptedFileError
from nepsbench.schema import Metric, Status
from nepsbench.spaces import Space
from nepsbench.spaces.parameters import FloatArray
from nepsbench.tables import BenchmarkTables

#: The folder of these files in a release.
LOOKUP = "lookup"

#: Fixed for this release format: ``statuses.npy`` counts in this order.
STATUSES = (
    Status.PENDING,
    Status.RUNNING,
    Status.COMPLETE,
    Status.DIVERGED,
    Status.TIMEOUT,
    Status.OOM,
    Status.FAILED,
)


@dataclass(frozen=True)
class LookupArrays:
    """The arrays of a release's lookup, see the table above; memory-mapped when opened."""

    keys: NDArray[np.uint64]
    codes: FloatArray
    seeds: NDArray[np.int64]
    statuses: NDArray[np.uint8]
    rows: NDArray[np.int64]
    trial_metrics: FloatArray
    offsets: NDArray[np.int64]
    epochs: NDArray[np.int64]
    epoch_metrics: FloatArray
    firsts: NDArray[np.int64]

    def save(self, directory: Path) -> None:
        """Write one ``.npy`` file an array, little-endian, without pickle."""
        directory.mkdir(parents=True, exist_ok=True)
        for field in fields(self):
            array: NDArray[Any] = getattr(self, field.name)
            ordered = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
            np.save(directory / f"{field.name}.npy", ordered, allow_pickle=False)


def arrange(tables: BenchmarkTables, space: Space, metrics: tuple[Metric, ...]) -> LookupArrays:
    """Return the lookup of a benchmark's tables.

    Raises:
        CorruptedFileError: If a ``config_id`` is not that of its configuration.
    """
    codes = tables.codes(space)
    ids = space.config_ids(codes)
    if ids != tables.trials.column("config_id").to_pylist():
        raise CorruptedFileError(
            f"trials: a config_id is not that of its configuration in space {space.name} "
            f"version {space.version}; collect the results again"
        )
    keys = np.array([int(text, 16) for text in ids], dtype=np.uint64)
    seeds = tables.trials.column("seed").to_numpy()
    order = np.lexsort((seeds, *codes.T[::-1], keys))  # stable: then by the tables' key
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    epoch_order = np.argsort(place[tables.trial_row], kind="stable")
    counts = np.bincount(place[tables.trial_row], minlength=len(order))
    statuses = [STATUSES.index(Status(s)) for s in tables.trials.column("status").to_pylist()]
    codes = codes[order]
    is_first = np.ones(len(order), dtype=bool)
    is_first[1:] = (codes[1:] != codes[:-1]).any(axis=1)
    return LookupArrays(
        keys=keys[order],
        codes=codes,
        seeds=seeds[order],
        statuses=np.array(statuses, dtype=np.uint8)[order],
        rows=order,
        trial_metrics=_side_by_side(tables, metrics, "trials")[order],
        offsets=np.concatenate([[0], np.cumsum(counts)]),
        epochs=tables.epochs.column("epoch").to_numpy()[epoch_order],
        epoch_metrics=_side_by_side(tables, metrics, "epochs")[epoch_order],
        firsts=np.flatnonzero(is_first),
    )


def _side_by_side(
    tables: BenchmarkTables, metrics: tuple[Metric, ...], table: Literal["trials", "epochs"]
) -> FloatArray:
    """Return the metrics of one table as columns, in their order, shape (rows, metrics)."""
    chosen = [metric for metric in metrics if metric.table == table]
    rows = (tables.trials if table == "trials" else tables.epochs).num_rows
    matrix = np.empty((rows, len(chosen)))
    for column, metric in enumerate(chosen):
        matrix[:, column] = tables.values(metric)
    return matrix


def open_lookup(directory: Path) -> LookupArrays:
    """Map the arrays of a lookup into memory; nothing is read until it is asked for.

    Raises:
        CorruptedFileError: If a file is no array.
    """
    arrays = {}
    for field in fields(LookupArrays):
        path = directory / f"{field.name}.npy"
        try:
            mapped = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError):
            raise CorruptedFileError(f"{path}: not an array; fetch the release again") from None
        arrays[field.name] = mapped.view(np.ndarray)
    return LookupArrays(**arrays)
