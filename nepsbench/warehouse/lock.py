"""One writer at a time."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nepsbench.errors import StorageError

_STEP = 0.05


@contextmanager
def writer_lock(home: Path, *, wait: float) -> Iterator[None]:
    """Hold the warehouse's writer lock; the system gives it back when the process dies.

    Raises:
        StorageError: If another writer still holds it after ``wait`` seconds; names its process.
    """
    path = home / ".lock"
    with path.open("a+") as file:
        deadline = time.monotonic() + wait
        while not _try(file.fileno()):
            if time.monotonic() >= deadline:
                file.seek(0)
                raise StorageError(
                    f"{home}: process {file.read().strip() or 'unknown'} is writing to this "
                    f"warehouse; waited {wait:g} s; try again when it has ended"
                )
            time.sleep(_STEP)
        file.truncate(0)
        file.write(f"{os.getpid()} on {os.uname().nodename}")
        file.flush()
        yield


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
