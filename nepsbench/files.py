"""Writing files so that a reader, or a crash, never meets half of one."""

from __future__ import annotations

import contextlib
import errno
import glob
import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from nepsbench.errors import StorageError

_REFUSALS = (
    errno.EACCES,
    errno.EEXIST,
    errno.EFBIG,
    errno.EISDIR,
    errno.ENAMETOOLONG,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success sync it and rename it to ``path``.

    On any error the temporary file is removed and ``path`` stays as it was.

    Raises:
        StorageError: If the disk is full, or the folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    with storage_errors(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            sync(temporary)
            temporary.replace(path)
            sync(path.parent)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def remove_leftovers(path: Path) -> None:
    """Delete the temporary files of writers of ``path`` that were killed.

    Only for a file that has one writer at a time: another's temporary file would be deleted, too.
    """
    for temporary in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn the operating system's refusal to write ``path`` into one line with a remedy."""
    try:
        yield
    except OSError as error:
        if is_disk_full(error):
            raise disk_full(path) from error
        if error.errno in _REFUSALS:
            raise StorageError(
                f"{path}: cannot be written: {error.strerror}; "
                "see that its folder is one, and yours to write to"
            ) from error
        raise


def is_disk_full(error: OSError) -> bool:
    """Return True if a disk, or somebody's share of it, was full."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def disk_full(path: Path) -> StorageError:
    """Return the error of a disk that was full when ``path`` was written."""
    return StorageError(
        f"{path}: the disk is full; nothing was changed; free space and run it again"
    )


def write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` whole or not at all.

    Raises:
        StorageError: If the disk is full, or the folder cannot be written.
    """
    with replacing(path) as temporary:
        temporary.write_text(text)


def sync(path: Path) -> None:
    """Bring a file or folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file's content, in hex digits."""
    digest = sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
