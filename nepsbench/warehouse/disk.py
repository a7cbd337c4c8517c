"""Writing so that a crash or a full disk leaves what was there before."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import duckdb

from nepsbench.errors import StorageError

_FULL = (errno.ENOSPC, errno.EDQUOT)
_DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextmanager
def storage_errors(place: Path) -> Iterator[None]:
    """Turn a full or read-only disk, met by Python, Arrow or DuckDB, into one clear error.

    Raises:
        StorageError: Names ``place`` and the remedy; the warehouse's state is what it was.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageError(_full(place)) from None
        if error.errno in _DENIED:
            raise StorageError(f"{place}: cannot be written ({error.strerror})") from None
        raise
    except duckdb.Error as error:
        # DuckDB has no error of its own for this; the system's words are in its message.
        if any(os.strerror(code) in str(error) for code in _FULL):
            raise StorageError(_full(place)) from None
        raise


def _full(place: Path) -> str:
    return f"{place}: disk full; nothing was changed; free space and run again"


def sync(path: Path) -> None:
    """Bring a file or folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_durably(path: Path, data: bytes) -> None:
    """Write ``data`` so that ``path`` either has all of it or does not exist."""
    temporary = path.with_name(f".{path.name}.part")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync(path.parent)


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file's content in hex digits."""
    digest = sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
