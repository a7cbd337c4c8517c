"""A full disk, when it is DuckDB that meets it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from nepsbench import files

_FULL = tuple(os.strerror(code) for code in (errno.ENOSPC, errno.EDQUOT))


@contextmanager
def storage_errors(place: Path) -> Iterator[None]:
    """Turn a full or read-only disk, met by Python, Arrow or DuckDB, into one clear error.

    Raises:
        StorageError: Names ``place`` and the remedy; the warehouse's state is what it was.
    """
    try:
        with files.storage_errors(place):
            yield
    except duckdb.Error as error:
        # DuckDB has no error of its own for this; the system's words are in its message.
        if any(words in str(error) for words in _FULL):
            raise files.disk_full(place) from None
        raise
