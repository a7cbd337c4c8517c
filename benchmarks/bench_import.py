"""How long ``import nepsbench`` takes, and how much memory a process has then.

Run as a script, this file imports nothing that the package might import too.
"""

from __future__ import annotations

import sys
import time

if False:  # typing.TYPE_CHECKING without importing typing
    from benchmarks.figure import Figure


def figures() -> list[Figure]:
    from benchmarks.figure import Figure

    return [
        Figure(
            name="import",
            title="`import nepsbench` in a fresh interpreter",
            command=(__file__,),
            target=0.2,
            runs=7,
        )
    ]


def measure_import() -> None:
    before, modules = _peak_mb(), len(sys.modules)
    started = time.perf_counter()
    import nepsbench  # noqa: F401

    seconds = time.perf_counter() - started
    peak = _peak_mb()
    report = {
        "seconds": seconds,
        "memory_mb": peak,
        "MB more than Python": round(peak - before, 1),
        "modules": len(sys.modules) - modules,
    }
    import json

    print(json.dumps(report))


def _peak_mb() -> float:
    """Return this process's peak memory; unlike getrusage, its parent's is not counted in."""
    with open("/proc/self/status") as file:  # noqa: PTH123 - pathlib is part of what is measured
        peak = next(line for line in file if line.startswith("VmHWM"))
    return int(peak.split()[1]) / 1024


if __name__ == "__main__":
    measure_import()
