"""Import a published table whole or not at all, a block at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timezone
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from nepsbench.errors import ConflictError, InvalidResultError
from nepsbench.files import sha256_of, sync
from nepsbench.provenance import code_version
from nepsbench.spaces import space_names
from nepsbench.spaces.declared import describe_space
from nepsbench.warehouse import views
from nepsbench.warehouse.commits import (
    TABLES,
    Commit,
    FileEntry,
    ImportedFile,
    ImportEntry,
    Table,
    declared_space,
)
from nepsbench.warehouse.importers import KINDS, Option, Progress, get_importer
from nepsbench.warehouse.importers.block import Block
from nepsbench.warehouse.importers.tables import epochs_of, trials_of
from nepsbench.warehouse.store import Warehouse, refuse_name

#: Rows of a group in a Parquet file: what DuckDB reads at once, and skips at once.
_GROUP = 122_880
#: More files than this are described together.
_MANY_FILES = 64


@dataclass(frozen=True)
class ImportReport:
    """What an import did.

    Attributes:
        name: The import's name.
        rows: Trials by benchmark.
        epochs: Recorded epochs by benchmark.
        commit: Number of the commit that holds them.
        changed: False if the warehouse held all of it before.
    """

    name: str
    rows: Mapping[str, int]
    epochs: Mapping[str, int]
    commit: int
    changed: bool


def import_table(
    warehouse: Warehouse,
    kind: str,
    path: Path,
    *,
    name: str | None = None,
    progress: Progress | None = None,
    options: Mapping[str, Option] | None = None,
) -> ImportReport:
    """Import a published table; the same files again change nothing.

    Args:
        warehouse: Where to.
        kind: One of ``importers.KINDS``.
        path: The published file or folder.
        name: Names the import, and its profiles ``<name>.<dataset>``; the file's by default.
        progress: Is told how far it is: ``(done, total)``.
        options: The importer's own.

    Raises:
        SpecError: If there is no such kind, or nothing of it at ``path``.
        CorruptedFileError: If a file is not as published; the warehouse keeps what it had.
        ConflictError: If that name was imported from other files or with other options.
        StorageError: If the disk is full.
    """
    importer = get_importer(kind)
    asked = {**(options or {}), **KINDS[kind].fixed}
    name = name or path.resolve().name.partition(".")[0]
    refuse_name(name, "import")
    sources = _described(importer.sources(path, **asked))
    noted = _noted(kind, asked)
    known = _known(warehouse.commit, name, kind, sources, noted)
    if known is not None:
        return _report(warehouse.commit, known, changed=False)
    with warehouse.writing() as commit, ExitStack() as open_files:
        # Another writer may have made the same import while this one waited.
        known = _known(commit, name, kind, sources, noted)
        if known is not None:
            return _report(commit, known, changed=False)
        staging = _Staging(warehouse.home, commit, name, kind, open_files)
        for block in importer.read(path, progress=progress or _silent, **asked):
            staging.append(block)
        open_files.close()
        if not staging.profiles:
            raise InvalidResultError(f"{path}: holds no trial")
        _refuse_duplicates(warehouse.home, staging.profiles)
        entry = ImportEntry(
            name=name,
            kind=kind,
            sources=sources,
            options=noted,
            profiles=tuple(staging.profiles),
            code_version=code_version(),
            created=datetime.now(timezone.utc),
            spaces=tuple(staging.spaces.values()),
            about=staging.about,
        )
        files = tuple(file for each in staging.profiles.values() for file in each.entries())
        following = commit.following(
            files=(*commit.files, *files), imports=(*commit.imports, entry)
        )
        warehouse.publish(following)
    return _report(following, entry, changed=True)


def _noted(kind: str, options: Mapping[str, Option]) -> dict[str, Option]:
    """Return the options as a commit keeps them: of a file its name, not where it lay."""
    files = {key: Path(str(options[key])).name for key in KINDS[kind].files if key in options}
    return {**options, **files}


def _described(paths: Sequence[Path]) -> tuple[ImportedFile, ...]:
    """Return names, sizes and hashes; of a folder of many files one entry, that stands for all.

    Every commit after the import carries these entries. The hash of many is that of the lines
    ``<sha256>  <name>``, as ``sha256sum`` writes them.
    """
    files = tuple(
        ImportedFile(name=path.name, bytes=path.stat().st_size, sha256=sha256_of(path))
        for path in paths
    )
    if len(files) <= _MANY_FILES:
        return files
    lines = "".join(f"{file.sha256}  {file.name}\n" for file in files)
    whole = ImportedFile(
        name=f"{len(files)} files, {files[0].name} to {files[-1].name}",
        bytes=sum(file.bytes for file in files),
        sha256=sha256(lines.encode()).hexdigest(),
    )
    return (whole,)


def _silent(_done: int, _total: int) -> None:
    """Tell nobody."""


def _known(
    commit: Commit,
    name: str,
    kind: str,
    sources: tuple[ImportedFile, ...],
    options: Mapping[str, Option],
) -> ImportEntry | None:
    """Return the import of that name, if it is the same.

    Raises:
        ConflictError: If it is another one.
    """
    for entry in commit.imports:
        if entry.name != name:
            continue
        if (entry.kind, entry.sources, entry.options) == (kind, sources, dict(options)):
            return entry
        raise ConflictError(
            f"import {name!r} is in the warehouse, from other files or with other options; give "
            f"this one another name, or take that out first: nepsbench warehouse drop {name}"
        )
    return None


def _refuse_taken(commit: Commit, profile: str) -> None:
    """Refuse to add to a profile that something else has filled.

    Raises:
        ConflictError: If something has.
    """
    for entry in commit.select(profile=profile):
        raise ConflictError(
            f"{entry.benchmark} has results of a profile {profile} already; give this import "
            "another name"
        )


def _report(commit: Commit, entry: ImportEntry, *, changed: bool) -> ImportReport:
    counts: dict[Table, dict[str, int]] = {table: {} for table in TABLES}
    for file in commit.files:
        if file.profile in entry.profiles:
            rows = counts[file.table]
            rows[file.benchmark] = rows.get(file.benchmark, 0) + file.rows
    return ImportReport(entry.name, counts["trials"], counts["epochs"], commit.number, changed)


def _refuse_duplicates(home: Path, staged: Mapping[str, _Staged]) -> None:
    """Refuse an import in which a trial, or an epoch of one, stands twice.

    Raises:
        InvalidResultError: Names the first.
    """
    import duckdb

    for profile, each in staged.items():
        for table, key in (
            ("trials", "taskid, model_idx"),
            ("epochs", "taskid, model_idx, epoch"),
        ):
            paths = [str(path) for path in each.paths(table)]
            if not paths:
                continue
            source = views.scan(home, paths)
            query = views.query_text("imported_twice", source=source, key=key)
            with duckdb.connect() as connection:
                for row in connection.sql(query).fetchall():
                    raise InvalidResultError(
                        f"{profile}: {table} hold ({key}) = {row} more than once"
                    )


@dataclass
class _Staging:
    """What an import has read so far.

    Attributes:
        home: The data home.
        commit: What is there already.
        name: The import's name.
        kind: The kind of table.
        open_files: Closes what is still being written.
        profiles: The files of each profile.
        spaces: Descriptions of spaces that are none of nepsbench's own, by name.
        about: What the publisher says, by benchmark.
    """

    home: Path
    commit: Commit
    name: str
    kind: str
    open_files: ExitStack
    profiles: dict[str, _Staged] = field(default_factory=dict)
    spaces: dict[str, dict[str, Any]] = field(default_factory=dict)
    about: dict[str, dict[str, str]] = field(default_factory=dict)

    def append(self, block: Block) -> None:
        """Write a block.

        Raises:
            ConflictError: If its profile, or another space of that name, is in the warehouse.
            InvalidResultError: If it does not fit the blocks before it.
        """
        profile = f"{self.name}.{block.part or block.dataset}"
        if profile not in self.profiles:
            refuse_name(profile, "profile")
            refuse_name(block.benchmark, "benchmark")
            _refuse_taken(self.commit, profile)
            self._note(block)
            number = self.commit.number + 1
            self.profiles[profile] = _Staged(self.home, block.benchmark, profile, number)
            self.open_files.callback(self.profiles[profile].close)
        self.profiles[profile].append(block, origin=self.kind)

    def _note(self, block: Block) -> None:
        if block.about:
            self.about[block.benchmark] = dict(block.about)
        name = block.space.name
        if name in space_names() or name in self.spaces:
            return
        description = describe_space(block.space)
        stored = declared_space(self.commit, name)
        if stored not in (None, block.space):
            raise ConflictError(
                f"the warehouse knows another space {name!r}, of other parameters or another "
                "version; call this one otherwise"
            )
        self.spaces[name] = description


@dataclass
class _Staged:
    """The Parquet files of one profile, while they are written.

    A file holds blocks that have the same columns; others begin a new one.
    """

    home: Path
    benchmark: str
    profile: str
    number: int
    _writers: dict[str, tuple[Path, pa.Schema, pq.ParquetWriter]] = field(default_factory=dict)
    _rows: dict[Path, tuple[Table, int]] = field(default_factory=dict)

    def append(self, block: Block, *, origin: str) -> None:
        """Write a block."""
        if block.benchmark != self.benchmark:
            raise InvalidResultError(
                f"{self.profile}: belongs to {self.benchmark}, a block of {block.benchmark} came"
            )
        self._write("trials", trials_of(block, profile=self.profile, origin=origin))
        if len(block.epochs):
            self._write("epochs", epochs_of(block, profile=self.profile))

    def close(self) -> None:
        """Bring every file to the disk."""
        for path, _, writer in self._writers.values():
            if writer.is_open:
                writer.close()
                sync(path)
                sync(path.parent)

    def paths(self, table: str) -> list[Path]:
        """Return the files of one table, relative to the data home."""
        return [path for path, (of, _) in self._rows.items() if of == table]

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
            found = self._open(table, rows.schema)
        path, _, writer = found
        writer.write_table(rows, row_group_size=_GROUP)
        relative = path.relative_to(self.home)
        self._rows[relative] = (table, self._rows.get(relative, (table, 0))[1] + rows.num_rows)

    def _close(self, table: Table) -> None:
        if table in self._writers:
            path, _, writer = self._writers.pop(table)
            writer.close()
            sync(path)

    def _open(self, table: Table, schema: pa.Schema) -> tuple[Path, pa.Schema, pq.ParquetWriter]:
        part = len(self.paths(table))
        name = f"{self.profile}-{self.number:08d}-{part}.parquet"
        path = self.home / "benchmarks" / self.benchmark / table / name
        path.parent.mkdir(parents=True, exist_ok=True)
        writer = pq.ParquetWriter(path, schema, compression="zstd", compression_level=1)
        self._writers[table] = (path, schema, writer)
        return self._writers[table]
