"""NAS-Bench-101: ``nasbench_full.tfrecord`` and ``nasbench_only108.tfrecord``.

The file is cut into pieces, which two processes read. What remains of it, 0.4 GB of the published
one, is put in order and goes on in blocks of whole cells. Meanwhile a process compares the
published hash of every cell with our own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nepsbench.errors import CorruptedFileError, SpecError
from nepsbench.spaces.nasbench101 import SPACE
from nepsbench.spaces.nasbench101_graph import graph_hash
from nepsbench.spaces.nasbench101_hashing import hash_cells
from nepsbench.spaces.nasbench101_index import build_index
from nepsbench.warehouse.importers import Option, Progress
from nepsbench.warehouse.importers.block import Block
from nepsbench.warehouse.importers.nasbench101_records import (
    EVALUATIONS,
    VALUES,
    Cells,
    Trainings,
    read_piece,
    wrong_hash,
)
from nepsbench.warehouse.importers.processes import in_processes
from nepsbench.warehouse.importers.tfrecord import PIECE, pieces

#: Trials of a block at most: as many as fill a row group. Of the published file, each epoch of
#: 40,960 cells then fills a row group of its own.
_TRIALS = 491_520
#: Cells whose hashes are compared at once.
_CELLS = 4_000
_PROCESSES = 2


def sources(path: Path, **_: Option) -> list[Path]:
    """Return the file.

    Raises:
        SpecError: If there is none.
    """
    if not path.is_file():
        raise SpecError(
            f"{path}: no file; give nasbench_full.tfrecord or nasbench_only108.tfrecord"
        )
    return [path]


def read(path: Path, *, progress: Progress, **_: Option) -> Iterator[Block]:
    """Yield all trials, cells in the order of their numbers.

    Raises:
        CorruptedFileError: If the file is not as published; names the byte where the record begins.
    """
    hashes = _Hashes(path)
    found = _collected(path, hashes, progress=progress)
    with TemporaryDirectory(prefix="nepsbench-import-") as folder:
        checked = hashes.check(Path(folder))
        next(checked, None)  # the process begins
        for rows, repeats in _ordered(found):
            yield _block(found, rows, repeats)
        for _place in checked:
            pass


def _collected(path: Path, hashes: _Hashes, *, progress: Progress) -> Trainings:
    size = path.stat().st_size
    columns: dict[str, list[NDArray[Any]]] = {field.name: [] for field in fields(Trainings)}
    cut = pieces(path)
    if size <= PIECE:
        read_all: Iterator[tuple[Trainings, Cells]] = map(read_piece, cut)
    else:
        read_all = in_processes(read_piece, cut, processes=_PROCESSES, ahead=2)
    for trainings, cells in read_all:
        hashes.add(cells)
        for name, parts in columns.items():
            parts.append(getattr(trainings, name))
        progress(int(cells.starts.max()), size)
    progress(size, size)
    if not columns["numbers"]:
        raise CorruptedFileError(f"{path}: byte 0: the file is empty; get it again")
    # Column by column, so that no more than one of them is in memory twice.
    return Trainings(**{name: np.concatenate(columns.pop(name)) for name in [*columns]})


def _ordered(found: Trainings) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield rows and repeats of each block.

    A cell's trials are counted from 1: by epochs of the training, then as they stand in the file.
    A block holds some cells with all their trials, one cell after the other: what a cell's trials
    have in common, such as its ids, is then small.
    """
    order = np.lexsort((found.horizons, found.numbers))
    numbers = found.numbers[order]
    first = np.flatnonzero(np.diff(numbers, prepend=-1))
    ends = np.append(first[1:], len(order))
    repeats = np.arange(len(order)) - np.repeat(first, ends - first) + 1
    cell = 0
    while cell < len(first):
        following = max(cell + 1, int(np.searchsorted(ends, first[cell] + _TRIALS, side="right")))
        part = slice(first[cell], ends[following - 1])
        yield order[part], repeats[part]
        cell = following


def _block(found: Trainings, rows: NDArray[np.int64], repeats: NDArray[np.int64]) -> Block:
    """Return the block of some trials; its epochs are ordered by epoch."""
    horizons, numbers = found.horizons[rows], found.numbers[rows].astype(np.int64)
    values = found.values[rows].astype(np.float64).transpose(2, 1, 0)
    metrics = {name: column.ravel() for name, column in zip(VALUES, values, strict=True)}
    # Published accuracies are 32-bit numbers: a hundred times one is exact, and so is the way back.
    for name in VALUES[1:]:
        metrics[name] = metrics[name] * 100
    return Block(
        space=SPACE,
        dataset="cifar10",
        recipe="nasbench101",
        numbers=numbers,
        repeats=repeats,
        codes=SPACE.codes_at(numbers),
        horizons=horizons,
        trial_of_epoch=np.tile(np.arange(len(rows)), EVALUATIONS),
        epochs=np.concatenate([0 * horizons, horizons // 2, horizons]),
        epoch_metrics=metrics,
        metrics={
            "params": found.parameters[rows] / 1e6,
            "total_time": found.total_time[rows],
        },
    )


class _Hashes:
    """The published hash of each cell of a file, and where a record has it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._digests = np.zeros((SPACE.size, 16), dtype=np.uint8)
        self._starts = np.full(SPACE.size, -1, dtype=np.int64)

    def add(self, cells: Cells) -> None:
        """Take the hashes of some cells, which may have come before.

        Raises:
            CorruptedFileError: If a cell has another hash than before, and that one is wrong.
        """
        differs = (self._digests[cells.numbers] != cells.hashes).any(axis=1)
        known = self._starts[cells.numbers] >= 0
        for place in np.flatnonzero(known & differs).tolist():
            if _own(int(cells.numbers[place])) != cells.hashes[place].tobytes():
                raise wrong_hash(
                    self._path,
                    int(cells.starts[place]),
                    int(cells.numbers[place]),
                    cells.hashes[place],
                )
        new = cells.numbers[~known]
        self._digests[new], self._starts[new] = cells.hashes[~known], cells.starts[~known]

    def check(self, folder: Path) -> Iterator[None]:
        """Compare every published hash with ours, each cell once; yields now and then.

        Raises:
            CorruptedFileError: If one differs.
        """
        numbers = np.flatnonzero(self._starts >= 0)
        np.save(folder / "numbers.npy", numbers)
        np.save(folder / "hashes.npy", self._digests[numbers])
        starts = range(0, len(numbers), _CELLS)
        first_wrong = partial(_first_wrong, folder)
        # One process only: this one is busy writing blocks.
        results = (
            map(first_wrong, starts)
            if len(starts) == 1
            else in_processes(first_wrong, starts, processes=1, ahead=len(starts))
        )
        for wrong in results:
            if wrong is not None:
                raise wrong_hash(self._path, int(self._starts[wrong]), wrong, self._digests[wrong])
            yield


def _first_wrong(folder: Path, start: int) -> int | None:
    """Return which of some cells, saved in a folder, has another hash than ours."""
    numbers = np.load(folder / "numbers.npy", mmap_mode="r")[start : start + _CELLS]
    hashes = np.load(folder / "hashes.npy", mmap_mode="r")[start : start + _CELLS]
    wrong = (hash_cells(build_index(), numbers) != hashes).any(axis=1)
    return int(numbers[np.argmax(wrong)]) if wrong.any() else None


def _own(number: int) -> bytes:
    return bytes.fromhex(graph_hash(build_index().graph(number)))
