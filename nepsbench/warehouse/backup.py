"""A copy of the data home to another disk, and back: whole states only, every file proved.

Files of tables never change, so a second copy to the same place writes what is new, nothing else.
Left out is what can be made again: prepared datasets, the DuckDB file, and the folders of clusters
on this machine, whose jobs a copy could not continue.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from nepsbench.errors import StorageError
from nepsbench.files import replacing, sha256_of
from nepsbench.warehouse.commits import FileEntry, newest_commit, write_commit
from nepsbench.warehouse.disk import storage_errors
from nepsbench.warehouse.store import Warehouse, open_warehouse

_LEDGER = "jobs.sqlite"
#: Not copied file by file: tables and commits have their own way, the rest is made again.
_APART = {"benchmarks", "clusters", "commits", "datasets", "nepsbench.duckdb", ".spill", ".lock"}


@dataclass(frozen=True)
class CopyReport:
    """What a copy did.

    Attributes:
        commit: The state that was copied.
        copied: Files that were written.
        kept: Files that were there already.
        bytes: Size of those that were written.
    """

    commit: int
    copied: int
    kept: int
    bytes: int


def back_up(warehouse: Warehouse, target: Path) -> CopyReport:
    """Copy the present state of a data home; a later copy to the same place adds what is new.

    Writers may go on meanwhile: the state is that of the beginning.

    Raises:
        CorruptedFileError: If a file of the warehouse is not what was written.
        StorageError: If the target is full, or lies in the data home.
    """
    home, target = warehouse.home, target.resolve()
    if target.is_relative_to(home):
        raise StorageError(f"{target}: lies in the data home; give a folder on another disk")
    warehouse.verify()
    commit, written, kept = newest_commit(home), [], 0
    with storage_errors(target):
        for entry in commit.files:
            if _is_there(entry, target):
                kept += 1
            else:
                written.append(_copy(home / entry.path, target / entry.path))
        for source in _others(home):
            place = target / source.relative_to(home)
            if _is_like(source, place):
                kept += 1
            else:
                written.append(_copy(source, place))
        if (home / _LEDGER).exists():
            _copy_ledger(home / _LEDGER, target / _LEDGER)
        (target / "commits").mkdir(parents=True, exist_ok=True)
        write_commit(target, commit)  # last: from here on the copy is of this state
    return CopyReport(commit.number, len(written), kept, sum(written))


def restore(source: Path, home: Path) -> Warehouse:
    """Make a data home of a copy; every file is proved.

    Raises:
        StorageError: If there is no copy, or the home is not empty.
        CorruptedFileError: If a file of the copy is not what was written.
    """
    if not (source / "commits").is_dir():
        raise StorageError(f"{source}: holds no backup; give the folder that backup wrote")
    if home.exists() and any(home.iterdir()):
        raise StorageError(f"{home}: is not empty; restore into a new folder")
    with storage_errors(home):
        shutil.copytree(source, home, dirs_exist_ok=True)
        warehouse = open_warehouse(home)
    warehouse.verify()
    return warehouse


def _others(home: Path) -> list[Path]:
    """Return all other files that a copy holds: campaigns, releases, audits, studies."""
    left_out = {*_APART, _LEDGER}
    roots = [each for each in sorted(home.iterdir()) if each.name not in left_out]
    return [
        file
        for root in roots
        if not root.name.startswith(_LEDGER)  # the ledger's own journal
        for file in ([root] if root.is_file() else sorted(root.rglob("*")))
        if file.is_file()
    ]


def _is_there(entry: FileEntry, target: Path) -> bool:
    place = target / entry.path
    return place.is_file() and sha256_of(place) == entry.sha256


def _is_like(source: Path, place: Path) -> bool:
    if not place.is_file():
        return False
    ours, theirs = source.stat(), place.stat()
    return ours.st_size == theirs.st_size and ours.st_mtime_ns == theirs.st_mtime_ns


def _copy(source: Path, target: Path) -> int:
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as part:
        shutil.copy2(source, part)
    return target.stat().st_size


def _copy_ledger(source: Path, target: Path) -> None:
    """Copy a database that may be written meanwhile, by its own means."""
    with (
        replacing(target) as part,
        closing(sqlite3.connect(source)) as live,
        closing(sqlite3.connect(part)) as copy,
    ):
        live.backup(copy)
