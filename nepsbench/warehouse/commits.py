"""The commits: what the warehouse consists of, one small file each; the highest one counts.

A commit lists every live Parquet file with its hash, and the ledger of used bit-streams. It
appears by one rename, so that a reader or a crash meets either the old state or the new one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from nepsbench.boundary import Section
from nepsbench.errors import CorruptedFileError
from nepsbench.files import write_text
from nepsbench.spaces import Space
from nepsbench.spaces.declared import space_from

#: Older commits, and files that only they list, stay this long for readers that opened them.
KEPT = timedelta(days=1)

Table = Literal["trials", "epochs"]
TABLES: tuple[Table, ...] = ("trials", "epochs")


class FileEntry(Section):
    """A live Parquet file; ``path`` is relative to the data home."""

    path: str
    benchmark: str
    table: Table
    profile: str
    rows: int
    bytes: int
    sha256: str


class StreamEntry(Section):
    """Words of a bit-stream that a profile has used."""

    profile: str
    profile_hash: str
    scheme: str
    taskid: int
    first_word: int
    end_word: int


class ImportedFile(Section):
    """A published file that was imported."""

    name: str
    bytes: int
    sha256: str


class ImportEntry(Section):
    """An import of a published table: what was read, and which profiles it made.

    ``spaces`` holds descriptions (``nepsbench.spaces.declared``) of the spaces that are none of
    nepsbench's own; ``about`` what the publisher says of each benchmark.
    """

    name: str
    kind: str
    sources: tuple[ImportedFile, ...]
    options: dict[str, str | int | float | bool]
    profiles: tuple[str, ...]
    code_version: str
    created: datetime
    spaces: tuple[dict[str, Any], ...] = ()
    about: dict[str, dict[str, str]] = Field(default_factory=dict)


class Commit(Section):
    """A state of the warehouse."""

    number: int = 0
    created: datetime = datetime.min.replace(tzinfo=timezone.utc)
    files: tuple[FileEntry, ...] = ()
    streams: tuple[StreamEntry, ...] = ()
    imports: tuple[ImportEntry, ...] = ()

    def select(
        self,
        *,
        benchmark: str | None = None,
        table: Table | None = None,
        profile: str | None = None,
    ) -> tuple[FileEntry, ...]:
        """Return the files of a benchmark, table or profile."""
        return tuple(
            entry
            for entry in self.files
            if benchmark in (None, entry.benchmark)
            and table in (None, entry.table)
            and profile in (None, entry.profile)
        )

    def state_of(self, benchmark: str) -> str:
        """Return a name for the content of a benchmark's tables."""
        return content_name(entry.sha256 for entry in self.select(benchmark=benchmark))

    def following(
        self,
        *,
        files: tuple[FileEntry, ...] | None = None,
        streams: tuple[StreamEntry, ...] | None = None,
        imports: tuple[ImportEntry, ...] | None = None,
    ) -> Commit:
        """Return the next commit, with what is given in place of the present parts."""
        return Commit(
            number=self.number + 1,
            created=datetime.now(timezone.utc),
            files=self.files if files is None else files,
            streams=self.streams if streams is None else streams,
            imports=self.imports if imports is None else imports,
        )


def content_name(hashes: Iterable[str]) -> str:
    """Return a name for files with these hashes, whatever their order."""
    return sha256("".join(sorted(hashes)).encode()).hexdigest()[:16]


def newest_commit(home: Path) -> Commit:
    """Return the state of the warehouse at ``home``; an empty one if nothing was committed.

    Raises:
        CorruptedFileError: If the newest commit was damaged after it was written.
    """
    numbers = _numbers(home)
    return _read(home, max(numbers)) if numbers else Commit()


def declared_space(commit: Commit, name: str) -> Space | None:
    """Return the space of that name that an import describes, or None."""
    for entry in commit.imports:
        for description in entry.spaces:
            if description["name"] == name:
                return space_from(description)
    return None


def write_commit(home: Path, commit: Commit) -> None:
    """Make ``commit`` the state of the warehouse. The caller holds the writer lock."""
    body = commit.model_dump(mode="json")
    text = json.dumps({"sha256": _digest(body), "commit": body}, indent=1)
    write_text(_path(home, commit.number), text + "\n")


def sweep(home: Path, newest: Commit) -> None:
    """Remove what no commit needs any more: old commits, and files left by writers that died.

    The caller holds the writer lock.
    """
    live = {entry.path for entry in newest.files}
    replaced = newest.created
    for number in sorted(_numbers(home) - {newest.number}, reverse=True):
        if datetime.now(timezone.utc) - replaced > KEPT:
            _path(home, number).unlink()
            continue
        try:
            commit = _read(home, number)
        except CorruptedFileError:
            return  # what it lists is unknown, so nothing is removed until it is old enough itself
        live |= {entry.path for entry in commit.files}
        replaced = commit.created
    for path in _data_files(home):
        if path.relative_to(home).as_posix() not in live:
            path.unlink()


def _data_files(home: Path) -> Iterator[Path]:
    for table in TABLES:
        yield from home.glob(f"benchmarks/*/{table}/*")
    yield from home.glob("commits/.*.part")
    yield from home.glob(".nepsbench.duckdb.*")


def _read(home: Path, number: int) -> Commit:
    path = _path(home, number)
    try:
        record = json.loads(path.read_bytes())
        if record["sha256"] == _digest(record["commit"]):
            return Commit.model_validate(record["commit"])
    except (ValueError, KeyError, TypeError, ValidationError):
        pass
    raise CorruptedFileError(
        f"{path}: this commit is damaged; restore it from a copy of the data home"
    )


def _digest(body: object) -> str:
    return sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _numbers(home: Path) -> set[int]:
    return {int(path.stem) for path in (home / "commits").glob("[0-9]*.json")}


def _path(home: Path, number: int) -> Path:
    return home / "commits" / f"{number:08d}.json"
