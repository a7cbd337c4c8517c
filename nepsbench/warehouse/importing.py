"""Import a published table whole or not at all, a block at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timezone
from hashlib import sha256
from pathlib import Path
from typing import Any

from nepsbench.errors import ConflictError, InvalidResultError
from nepsbench.files import sha256_of
from nepsbench.provenance import code_version
from nepsbench.spaces import space_names
from nepsbench.spaces.declared import describe_space
from nepsbench.warehouse.commits import (
    TABLES,
    Commit,
    ImportedFile,
    ImportEntry,
    Table,
    declared_space,
)
from nepsbench.warehouse.importers import KINDS, Option, Progress, get_importer
from nepsbench.warehouse.importers.block import Block
from nepsbench.warehouse.staged import Staged
from nepsbench.warehouse.store import Warehouse, refuse_name

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
        for each in staging.profiles.values():
            each.refuse_duplicates()
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
    profiles: dict[str, Staged] = field(default_factory=dict)
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
            self.profiles[profile] = Staged(self.home, block.benchmark, profile, number)
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
