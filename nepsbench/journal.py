r"""An append-only log of JSON records that survives a crash at any byte.

A worker writes one journal for all its trials, so that the number of files on the cluster grows
with workers. Each line is ``<json>\t<crc32 as 8 hex digits>\n``. A torn last line, left by a kill
in mid-write, is cut off by the next writer and ignored by readers; damage anywhere else is an
error.

Record kinds that workers write (see ``docs/architecture.md``): ``begin``, ``epoch`` and ``trial``.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from nepsbench.errors import CorruptedFileError, StorageError
from nepsbench.files import storage_errors

Record = dict[str, Any]


class JournalWriter:
    """Appends records durably: a record that :meth:`append` returned from is on disk.

    It is the journal's only writer: a lock, which the system gives back when the process dies,
    keeps every other one out.

    Args:
        path: The journal.
        user: Who writes to it, for the error that another one does.

    Attributes:
        length: Bytes of the journal, which end with a whole record.

    Raises:
        StorageError: If another process writes to it, or it cannot be written.
    """

    def __init__(self, path: Path, *, user: str = "this worker of the job") -> None:
        self._path = path
        with storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            # Unbuffered: what could not be written must not be written again by a later flush.
            self._file = path.open("ab", buffering=0)
            try:
                _lock(self._file.fileno(), path, user)
                self.cut(_sound_length(path))
            except BaseException:
                self._file.close()
                raise

    def append(self, record: Record) -> None:
        """Write one record and sync it to disk; on an error the journal is as it was.

        Raises:
            StorageError: If the disk is full.
        """
        line = encode_record(record)
        with storage_errors(self._path):
            try:
                rest = memoryview(line)
                while rest:
                    rest = rest[self._file.write(rest) :]
                os.fsync(self._file.fileno())
            except OSError:
                self.cut(self.length)
                raise
        self.length += len(line)

    def cut(self, length: int) -> None:
        """Take back what stands beyond ``length`` bytes, the end of a record."""
        self._file.truncate(length)
        self.length = length

    def __enter__(self) -> JournalWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with storage_errors(self._path):
            self._file.close()


def encode_record(record: Record) -> bytes:
    """Return the journal line of ``record``."""
    body = json.dumps(record, separators=(",", ":")).encode()
    return body + b"\t%08x\n" % zlib.crc32(body)


def read_journal(path: Path, *, remedy: str = "get an undamaged copy") -> Iterator[Record]:
    """Yield the records of a journal; a torn last line is left out.

    Args:
        path: The journal.
        remedy: What the error tells to do about damage.

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
                    f"{path}: line {number} is damaged (its checksum differs); {remedy}"
                )
            yield json.loads(body)


def _lock(descriptor: int, path: Path, user: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StorageError(
            f"{path}: {user} is running already; wait for its end, or stop it before you run it "
            "again"
        ) from None
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
            raise
        raise StorageError(
            f"{path}: its file system keeps no locks ({error.strerror}); mount it with flock, or "
            "give the cluster a root on another one"
        ) from None


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
