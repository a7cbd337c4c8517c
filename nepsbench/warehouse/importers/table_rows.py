"""The rows of somebody's file, batch by batch: CSV and Parquet by DuckDB, JSON entry by entry."""

from __future__ import annotations

import csv
import gzip
import io
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from nepsbench.errors import CorruptedFileError, SpecError
from nepsbench.warehouse import views
from nepsbench.warehouse.importers.json_stream import read_entries

_BATCH = 8192
_MEMORY = "500MB"
_CSV = (".csv", ".tsv", ".txt")
_PARQUET = (".parquet", ".pq")
_JSON = (".json",)
_JSON_LINES = (".jsonl", ".ndjson")


@dataclass(frozen=True)
class Row:
    """A row.

    Attributes:
        place: Where it stands, from 0, among the rows of the file.
        values: By column; None is missing.
        done: How far the file is read, of ``total``.
        total: In the unit of ``done``.
    """

    place: int
    values: Mapping[str, Any]
    done: int
    total: int


@dataclass(frozen=True)
class TableFile:
    """A file of rows.

    Attributes:
        path: The file; ``.gz`` too, but for Parquet.
        delimiter: Of a CSV file.
        key: The column that a JSON object's keys are taken for.
    """

    path: Path
    delimiter: str = ","
    key: str | None = None

    def check(self, columns: Sequence[str]) -> None:
        """Refuse a file that has not all columns; of JSON, the first entry tells.

        Raises:
            SpecError: Names the first column that is missing, and those that there are.
            CorruptedFileError: If the file cannot be read.
        """
        known = self._columns()
        for name in columns:
            if name not in known:
                raise SpecError(
                    f"{self.path}: has no column {name!r}, which the mapping names; it has "
                    f"{', '.join(known) or 'none'}"
                )

    def rows(self, columns: Sequence[str], *, ordered: Sequence[str] = ()) -> Iterator[Row]:
        """Yield the rows, with these columns.

        Args:
            columns: Which.
            ordered: Sort by these, so that rows of a trial stand together. JSON stays as it is.

        Raises:
            CorruptedFileError: Names the line, row or character that cannot be read.
        """
        if self._kind in ("json", "json lines"):
            yield from self._json_rows(columns)
        else:
            yield from self._duckdb_rows(columns, ordered)

    def where(self, place: int) -> str:
        """Return where a row stands, in words: its line, if the file has lines."""
        if self._kind == "csv":
            with self._open() as file:
                lines = csv.reader(file, delimiter=self.delimiter)
                # The header is a row, too; blank lines are none.
                filled = (lines.line_num for row in lines if row)
                for count, line in enumerate(filled):
                    if count == place + 1:
                        return f"line {line}"
        return f"line {place + 1}" if self._kind == "json lines" else f"row {place}"

    @property
    def _kind(self) -> str:
        name = self.path.name.removesuffix(".gz")
        for kind, endings in (
            ("csv", _CSV), ("parquet", _PARQUET), ("json", _JSON), ("json lines", _JSON_LINES),
        ):  # fmt: skip
            if name.endswith(endings):
                return kind
        raise SpecError(
            f"{self.path}: what is this? Files end in "
            f"{', '.join((*_CSV, *_PARQUET, *_JSON, *_JSON_LINES))}, and .gz behind that"
        )

    @contextmanager
    def _open(self) -> Iterator[io.TextIOWrapper]:
        packed = self.path.suffix == ".gz"
        with (
            gzip.open(self.path) if packed else self.path.open("rb") as file,
            io.TextIOWrapper(file, newline="", errors="replace") as text,
        ):
            yield text

    def _columns(self) -> list[str]:
        if self._kind == "csv":
            try:
                with self._open() as file:
                    return next(csv.reader(file, delimiter=self.delimiter), [])
            except (OSError, EOFError, csv.Error) as error:
                raise CorruptedFileError(f"{self.path}: cannot be read: {error}") from None
        if self._kind == "parquet":
            with duckdb.connect() as connection, self._explained():
                return connection.sql(f"FROM {self._parquet}").columns
        first = next(self._entries(), None)
        return list(first.values) if first else []

    def _duckdb_rows(self, columns: Sequence[str], ordered: Sequence[str]) -> Iterator[Row]:
        source = self._parquet if self._kind == "parquet" else self._csv(self._columns())
        listed = ", ".join(map(_quoted, columns))
        by = f" ORDER BY {', '.join((*map(_quoted, ordered), '1'))}" if ordered else ""
        query = views.query_text("table_rows", columns=listed, source=source, order=by)
        with (
            tempfile.TemporaryDirectory() as spill,
            duckdb.connect() as connection,
            self._explained(),
        ):
            connection.execute("SET temp_directory = $1", [spill])
            connection.execute("SET memory_limit = $1", [_MEMORY])
            [(total,)] = connection.sql(f"SELECT count(*) FROM {source}").fetchall()
            done = 0
            for batch in connection.sql(query).to_arrow_reader(_BATCH):
                places, *values = (column.to_pylist() for column in batch.columns)
                for place, row in zip(places, zip(*values, strict=True), strict=True):
                    done += 1
                    yield Row(place, dict(zip(columns, row, strict=True)), done, total)

    @property
    def _parquet(self) -> str:
        return f"read_parquet({views.literal(str(self.path))})"

    def _csv(self, names: Sequence[str]) -> str:
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise SpecError(f"{self.path}: two columns are called {twice[0]!r}; rename one")
        typed = ", ".join(f"{views.literal(name)}: 'VARCHAR'" for name in names)
        return (
            f"read_csv({views.literal(str(self.path))}, auto_detect = false, header = true, "
            f"delim = {views.literal(self.delimiter)}, quote = '\"', escape = '\"', "
            f"columns = {{{typed}}})"
        )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn what DuckDB says of a damaged file into one line."""
        try:
            yield
        except duckdb.Error as error:
            raise CorruptedFileError(f"{self.path}: {_words(error)}") from None

    def _json_rows(self, columns: Sequence[str]) -> Iterator[Row]:
        for row in self._entries():
            yield Row(
                row.place, {name: row.values.get(name) for name in columns}, row.done, row.total
            )

    def _entries(self) -> Iterator[Row]:
        total = self.path.stat().st_size
        if self._kind == "json lines":
            yield from self._lines(total)
            return
        for place, entry in enumerate(read_entries(self.path)):
            if not isinstance(entry.value, dict):
                raise CorruptedFileError(
                    f"{self.path}: the entry at character {entry.offset} is no object of columns"
                )
            keyed = {self.key: entry.key} if self.key else {}
            yield Row(place, entry.value | keyed, min(entry.read, total), total)

    def _lines(self, total: int) -> Iterator[Row]:
        import json

        try:
            with self._open() as file:
                for place, line in enumerate(file):
                    if not line.strip():
                        continue
                    try:
                        value = json.loads(line)
                    except ValueError:
                        value = None
                    if not isinstance(value, dict):
                        raise CorruptedFileError(f"{self.path}: line {place + 1} is no JSON object")
                    yield Row(place, value, 0, total)
        except (OSError, EOFError) as error:
            raise CorruptedFileError(f"{self.path}: cannot be unpacked: {error}") from None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _words(error: duckdb.Error) -> str:
    """Return what DuckDB says of a file, without its advice on options."""
    text = str(error)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    kept = [line for line in lines if not line.startswith(("Possible", "*", "file", "delimiter"))]
    return " ".join(kept[:3]) if kept else text
