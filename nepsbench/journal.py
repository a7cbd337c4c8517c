r"""An append-only log of JSON records that survives a crash at any byte.

A worker writes one journal for all its trials, so that the number of files on the cluster grows
with workers. Each line is ``<json>\t<crc32 as 8 hex digits>\n``. A torn last line, left by a kill
in mid-write, is cut off by the next writer and ignored by readers; damage anywhere else is an
error.

Record kinds that workers write (see ``docs/architecture.md``): ``epoch`` and ``trial``.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from nepsbench.errors import CorruptedFileError
from nepsbench.files import storage_errors

Record = dict[str, Any]


class JournalWriter:
    """Appends records durably: a record that :meth:`append` returned from is on disk."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file = path.open("ab")
        self._file.truncate(_sound_length(path))

    def append(self, record: Record) -> None:
        """Write one record and sync it to disk.

        Raises:
            StorageError: If the disk is full.
        """
        with storage_errors(self._path):
            self._file.write(encode_record(record))
            self._file.flush()
            os.fsync(self._file.fileno())

    def __enter__(self) -> JournalWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()


def encode_record(record: Record) -> bytes:
    """Return the journal line of ``record``."""
    body = json.dumps(record, separators=(",", ":")).encode()
    return body + b"\t%08x\n" % zlib.crc32(body)


def read_journal(path: Path) -> Iterator[Record]:
    """Yield the records of a journal; a torn last line is left out.

    Raises:
        CorruptedFileError: If any other line is damaged; names file and line.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            body, _, checksum = line[:-1].rpartition(b"\t")
            if checksum != b"%08x" % zlib.crc32(body):
                raise CorruptedFileError(
                    f"{path}: line {number} is damaged (its checksum differs); "
                    "delete the local copy and collect again"
                )
            yield json.loads(body)


def _sound_length(path: Path) -> int:
    """Return the length of the journal without a torn last line."""
    data_end = path.stat().st_size
    with path.open("rb") as file:
        step = 4096
        position = data_end
        while position > 0:
            start = max(0, position - step)
            file.seek(start)
            newline = file.read(position - start).rfind(b"\n")
            if newline >= 0:
                return start + newline + 1
            position = start
    return 0
