"""How glibc keeps memory: torch's large tensors come and go with every batch.

By default it gives them back to the system each time, which must fill new pages with zeros the next
time; small networks train 1.7 times slower so. Elsewhere than on glibc nothing is done.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# Of glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_MMAP_MAX = -1, -3, -4
_DEFAULT_THRESHOLD, _DEFAULT_MAPPINGS = 1 << 17, 1 << 16
_NEVER = -1
_LARGEST = (1 << 31) - 1


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Within, freed memory stays with the process; after, the system gets it back."""
    libc: Any = ctypes.CDLL(None) if sys.platform == "linux" else None
    if not hasattr(libc, "mallopt") or not hasattr(libc, "malloc_trim"):
        yield
        return
    _keep(libc)
    try:
        yield
    finally:
        libc.mallopt(_M_TRIM_THRESHOLD, _DEFAULT_THRESHOLD)
        libc.mallopt(_M_MMAP_THRESHOLD, _DEFAULT_THRESHOLD)
        libc.mallopt(_M_MMAP_MAX, _DEFAULT_MAPPINGS)
        libc.malloc_trim(0)


def _keep(libc: Any) -> None:
    libc.mallopt(_M_TRIM_THRESHOLD, _NEVER)
    if not libc.mallopt(_M_MMAP_THRESHOLD, _LARGEST):
        # An older glibc, which takes no threshold above 32 MB.
        libc.mallopt(_M_MMAP_MAX, 0)
