"""What the worker's process uses: CPU, memory, swap, and the node's energy meanwhile."""

from __future__ import annotations

import contextlib
import os
import resource
import sys
import time
from pathlib import Path

import psutil

from nepsbench.training.energy import POWERCAP, find_zones, joules_between, read_counters

_MEGABYTE = 1e6
#: Written to ``clear_refs``, it sets the peak of resident memory back (Linux, ``man 5 proc``).
_FORGET_PEAK = "5"


class UsageMeter:
    """Measures this process, and its node, since its creation or the last reading.

    Args:
        powercap: Where the node's energy counters lie.
    """

    def __init__(self, powercap: Path = POWERCAP) -> None:
        self._process = psutil.Process(os.getpid())
        self._zones = find_zones(powercap)
        self._begin()

    def _begin(self) -> None:
        _forget_peak()
        self._counters = read_counters(self._zones)
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def read(self) -> dict[str, float]:
        """Return ``cpu_percent``, ``memory_ram``, ``memory_swap``, ``peak_memory``, ``energy``.

        What the system does not tell is left out.
        """
        seconds = max(time.perf_counter() - self._wall, 1e-9)
        cpu = time.process_time() - self._cpu
        usage = {
            "cpu_percent": 100 * cpu / seconds,
            "memory_ram": self._process.memory_info().rss / _MEGABYTE,
            "peak_memory": _peak_bytes() / _MEGABYTE,
        }
        swap = _status_bytes("VmSwap")
        if swap is not None:
            usage["memory_swap"] = swap / _MEGABYTE
        after = read_counters(self._zones)
        energy = joules_between(self._zones, self._counters, after, seconds)
        if energy is not None:
            usage["energy"] = energy
        self._begin()
        return usage


def _forget_peak() -> None:
    """Let the peak of resident memory be counted from now on, where the system can."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text(_FORGET_PEAK)


def _peak_bytes() -> int:
    """Return the peak of resident memory; where it cannot be set back, since the process began."""
    peak = _status_bytes("VmHWM")
    if peak is not None:
        return peak
    kilo = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * kilo


def _status_bytes(name: str) -> int | None:
    """Return an entry of this process's status as Linux tells it; elsewhere None."""
    try:
        with open("/proc/self/status") as status:  # noqa: PTH123
            for line in status:
                if line.startswith(f"{name}:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None
