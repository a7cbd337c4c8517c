"""What the worker's process uses: CPU, memory, swap."""

from __future__ import annotations

import os
import time

import psutil

_MEGABYTE = 1e6


class UsageMeter:
    """Measures this process since its creation or the last reading."""

    def __init__(self) -> None:
        self._process = psutil.Process(os.getpid())
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def read(self) -> dict[str, float]:
        """Return ``cpu_percent`` since the last reading, ``memory_ram`` and ``memory_swap``."""
        wall, cpu = time.perf_counter(), time.process_time()
        percent = 100 * (cpu - self._cpu) / max(wall - self._wall, 1e-9)
        self._wall, self._cpu = wall, cpu
        usage = {
            "cpu_percent": percent,
            "memory_ram": self._process.memory_info().rss / _MEGABYTE,
        }
        swap = _swapped_bytes()
        return usage if swap is None else {**usage, "memory_swap": swap / _MEGABYTE}


def _swapped_bytes() -> int | None:
    """Return this process's swapped memory as Linux tells it; elsewhere None."""
    try:
        with open("/proc/self/status") as status:  # noqa: PTH123
            for line in status:
                if line.startswith("VmSwap:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None
