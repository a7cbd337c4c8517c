"""Anyone's table: a CSV, Parquet or JSON file, and a mapping file that says what it holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from nepsbench.errors import CorruptedFileError, SpecError
from nepsbench.warehouse.importers import Option, Progress
from nepsbench.warehouse.importers.block import Block
from nepsbench.warehouse.importers.collecting import Collector
from nepsbench.warehouse.importers.mapping import (
    FromColumn,
    TableMapping,
    mapping_path,
    read_mapping,
)
from nepsbench.warehouse.importers.table_rows import TableFile
from nepsbench.warehouse.importers.table_trials import RowError, RowReader

_TOLD = 4096  # rows between two words on the progress


def sources(path: Path, **options: Option) -> list[Path]:
    """Return the table and its mapping file.

    Raises:
        SpecError: If one is missing, the mapping is wrong, or names columns that are not there.
        CorruptedFileError: If the table cannot be read at all.
    """
    if not path.is_file():
        raise SpecError(f"{path}: there is no such file")
    mapping_file, mapping = _mapping(options)
    file = _file(path, mapping)
    file.check(mapping.columns(mapping.the_space()))
    return [path, mapping_file]


def read(path: Path, *, progress: Progress, **options: Option) -> Iterator[Block]:
    """Yield the trials; option ``mapping``: the mapping file, or the name of one of nepsbench's.

    Raises:
        CorruptedFileError: Names the line of a row that cannot be.
    """
    _, mapping = _mapping(options)
    file, reader, collector = _file(path, mapping), RowReader(mapping), Collector()
    place = 0
    try:
        for row in file.rows(mapping.columns(reader.space), ordered=_order(mapping)):
            place = row.place
            for table, trial in reader.read(row.values):
                yield from collector.add(table, trial)
            if row.done % _TOLD == 0:
                progress(row.done, row.total)
        for table, trial in reader.rest():
            yield from collector.add(table, trial)
    except RowError as error:
        raise CorruptedFileError(f"{path}: {file.where(place)}: {error}") from None
    yield from collector.rest()


def _mapping(options: dict[str, Option]) -> tuple[Path, TableMapping]:
    unknown = set(options) - {"mapping"}
    if unknown:
        raise SpecError(f"a table has no option {min(unknown)!r}; it has mapping")
    if "mapping" not in options:
        raise SpecError(
            "what do the columns mean? Give a mapping file (--mapping FILE); see docs/imports.md"
        )
    path = mapping_path(str(options["mapping"]))
    return path, read_mapping(path)


def _file(path: Path, mapping: TableMapping) -> TableFile:
    tabs = path.name.removesuffix(".gz").endswith(".tsv")
    return TableFile(path, "\t" if tabs else mapping.file.delimiter, mapping.file.key)


def _order(mapping: TableMapping) -> tuple[str, ...]:
    """Return what rows must be sorted by, where a trial has a row for each epoch."""
    if not any(told.is_long for told in mapping.trials):
        return ()
    labels = [label for told in mapping.trials for label in (told.dataset, told.seed)]
    columns = [label.column for label in labels if isinstance(label, FromColumn)]
    return (*mapping.configuration_columns(mapping.the_space()), *dict.fromkeys(columns))
