"""The Parquet files of a profile while an import writes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from nepsbench.errors import InvalidResultError
from nepsbench.files import sha256_of, sync
from nepsbench.warehouse.commits import FileEntry, Table
from nepsbench.warehouse.importers.block import Block, Ints
from nepsbench.warehouse.importers.tables import epochs_of, trials_of

#: Rows of a group in a Parquet file: what DuckDB reads at once, and skips at once. A group of
#: trials is larger, since each group says anew what a configuration's ids are.
_GROUPS: dict[Table, int] = {"trials": 491_520, "epochs": 122_880}
#: Of their numbers, neighbours are alike.
_COUNTED = ("taskid", "model_idx")
#: A column of real numbers with more different values than this part of its rows is no dictionary.
_REPETITIVE = 0.25


@dataclass
class Staged:
    """The Parquet files of one profile, while they are written.

    A file holds blocks that have the same columns; others begin a new one.
    """

    home: Path
    benchmark: str
    profile: str
    number: int
    _writers: dict[Table, tuple[Path, pa.Schema, pq.ParquetWriter]] = field(default_factory=dict)
    _rows: dict[Path, tuple[Table, int]] = field(default_factory=dict)
    _keys: list[tuple[Ints, Ints]] = field(default_factory=list)

    def append(self, block: Block, *, origin: str) -> None:
        """Write a block.

        Raises:
            InvalidResultError: If it is of another benchmark, or an epoch of it stands twice.
        """
        if block.benchmark != self.benchmark:
            raise InvalidResultError(
                f"{self.profile}: belongs to {self.benchmark}, a block of {block.benchmark} came"
            )
        _refuse_epoch_twice(block, self.profile)
        self._keys.append((block.numbers, block.repeats))
        self._write("trials", trials_of(block, profile=self.profile, origin=origin))
        if len(block.epochs):
            self._write("epochs", epochs_of(block, profile=self.profile))

    def refuse_duplicates(self) -> None:
        """Refuse an import in which a trial stands twice.

        An epoch cannot, then: it is in the block of its trial.

        Raises:
            InvalidResultError: Names the first.
        """
        numbers, repeats = (np.concatenate(column) for column in zip(*self._keys, strict=True))
        twice = _first_twice(numbers, repeats)
        if twice is not None:
            raise InvalidResultError(
                f"{self.profile}: trials hold (taskid, model_idx) = {twice} more than once"
            )

    def close(self) -> None:
        """Bring every file to the disk."""
        for table in [*self._writers]:
            self._close(table)

    def entries(self) -> list[FileEntry]:
        """Return the commit's entries of all files."""
        return [
            FileEntry(
                path=path.as_posix(),
                benchmark=self.benchmark,
                table=table,
                profile=self.profile,
                rows=rows,
                bytes=(self.home / path).stat().st_size,
                sha256=sha256_of(self.home / path),
            )
            for path, (table, rows) in self._rows.items()
        ]

    def _write(self, table: Table, rows: pa.Table) -> None:
        found = self._writers.get(table)
        if found is None or not found[1].equals(rows.schema):
            self._close(table)
            found = self._open(table, rows)
        path, _, writer = found
        writer.write_table(rows, row_group_size=_GROUPS[table])
        relative = path.relative_to(self.home)
        self._rows[relative] = (table, self._rows.get(relative, (table, 0))[1] + rows.num_rows)

    def _close(self, table: Table) -> None:
        if table in self._writers:
            path, _, writer = self._writers.pop(table)
            writer.close()
            sync(path)
            sync(path.parent)

    def _open(self, table: Table, rows: pa.Table) -> tuple[Path, pa.Schema, pq.ParquetWriter]:
        part = sum(of == table for of, _ in self._rows.values())
        name = f"{self.profile}-{self.number:08d}-{part}.parquet"
        path = self.home / "benchmarks" / self.benchmark / table / name
        path.parent.mkdir(parents=True, exist_ok=True)
        encodings = _encodings(rows)
        writer = pq.ParquetWriter(
            path,
            rows.schema,
            compression="zstd",
            compression_level=1,
            use_dictionary=[name for name in rows.schema.names if name not in encodings],
            column_encoding=encodings,
        )
        self._writers[table] = (path, rows.schema, writer)
        return self._writers[table]


def _encodings(rows: pa.Table) -> dict[str, str]:
    """Return encodings of the columns that a dictionary would not shorten.

    Real numbers that differ are split by byte: their first bytes are alike, and of published 32-bit
    numbers the last ones are zero.
    """
    encodings = {name: "DELTA_BINARY_PACKED" for name in _COUNTED if name in rows.column_names}
    for column in rows.schema:
        if pa.types.is_floating(column.type):
            distinct = pc.count_distinct(rows[column.name]).as_py()
            if distinct > _REPETITIVE * rows.num_rows:
                encodings[column.name] = "BYTE_STREAM_SPLIT"
    return encodings


def _refuse_epoch_twice(block: Block, profile: str) -> None:
    twice = _first_twice(block.trial_of_epoch, block.epochs)
    if twice is not None:
        trial, epoch = twice
        key = (int(block.numbers[trial]), int(block.repeats[trial]), epoch)
        raise InvalidResultError(
            f"{profile}: epochs hold (taskid, model_idx, epoch) = {key} more than once"
        )


def _first_twice(left: Ints, right: Ints) -> tuple[int, int] | None:
    """Return the lowest pair that stands more than once, None if there is none."""
    order = np.lexsort((right, left))
    left, right = left[order], right[order]
    twice = np.flatnonzero((left[1:] == left[:-1]) & (right[1:] == right[:-1]))
    return (int(left[twice[0]]), int(right[twice[0]])) if twice.size else None
