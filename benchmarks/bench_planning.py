"""How long planning takes, how good the plan is, and how both grow."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.bench_sampling import CREATE, write_spec
from benchmarks.figure import Figure

#: Spread of the lognormal runtimes: narrow enough that all workers are needed, and the longest
#: trial alone does not decide the makespan.
_SPREAD = 0.25
#: One at which the longest trial decides, and a plan should save workers.
_WIDE = 1.0


def figures() -> list[Figure]:
    growth = [(6_250, 384), (12_500, 768), (25_000, 1_536)]
    return [
        _figure("plan-50k", "plan", 50_000, 3_072),
        _figure("plan-1m", "plan", 1_000_000, 147_456, target=20.0),
        _figure("plan-1m-uneven", "uneven", 1_000_000, 147_456, target=20.0),
        *(_figure(f"plan-{trials}", "plan", trials, workers) for trials, workers in growth),
        *(_figure(f"scan-{trials}", "scan", trials, workers) for trials, workers in growth),
        Figure(
            name="jobs-plan-1m",
            title="`nepsbench jobs plan` of a profile of 1,000,000 trials onto up to 147,456 "
            "workers: read, estimate, plan, write portfolios (whole process)",
            command=(
                *("-m", "nepsbench", "jobs", "plan", "profile.parquet", "--epochs", "12"),
                *("--nodes", "3072", "--cpus-per-node", "48", "-o", "plan"),
            ),
            prepare=_write_profile,
            runs=1,
        ),
    ]


def _figure(
    name: str, how: str, trials: int, workers: int, *, target: float | None = None
) -> Figure:
    title = {
        "plan": f"Plan {trials:,} trials onto {workers:,} workers",
        "uneven": f"Plan {trials:,} very uneven trials onto as many of {workers:,} workers as "
        "shorten the makespan",
        "scan": f"Reference, not nepsbench: our own simple greedy that looks at every worker for "
        f"every trial, {trials:,} onto {workers:,}",
    }[how]
    return Figure(
        name=name,
        title=title,
        command=("-m", "benchmarks.bench_planning", how, str(trials), str(workers)),
        target=target,
        bounds={"makespan / bound": 1.01} if how != "scan" else {},
    )


def _write_profile(folder: Path) -> None:
    # In a process of its own, so that the one that measures stays small.
    write_spec(folder)
    subprocess.run([sys.executable, *CREATE], cwd=folder, check=True, stdout=subprocess.DEVNULL)


def measure_uneven(trials: int, workers: int) -> None:
    measure_plan(trials, workers, spread=_WIDE)


def measure_plan(trials: int, workers: int, *, spread: float = _SPREAD) -> None:
    import numpy as np

    from nepsbench.scheduling import Limits, plan

    seconds = np.random.default_rng(0).lognormal(6.0, spread, trials)
    limits = Limits(nodes=workers // 48, cpus_per_node=48)
    started = time.perf_counter()
    planned = plan(seconds, limits)
    _report(time.perf_counter() - started, planned.makespan / planned.bound, planned.workers)


def measure_scan(trials: int, workers: int) -> None:
    import numpy as np

    seconds = np.random.default_rng(0).lognormal(6.0, _SPREAD, trials)
    started = time.perf_counter()
    loads = scan_greedily(seconds.tolist(), workers)
    elapsed = time.perf_counter() - started
    bound = max(seconds.max(), seconds.sum() / workers)
    _report(elapsed, max(loads) / bound, workers)


def scan_greedily(seconds: Sequence[float], workers: int) -> list[float]:
    """Return each worker's load: longest trial first, each to the worker with the least so far."""
    loads = [0.0] * workers
    for length in sorted(seconds, reverse=True):
        loads[loads.index(min(loads))] += length
    return loads


def _report(seconds: float, quality: float, workers: int) -> None:
    print(json.dumps({"seconds": seconds, "workers": workers, "makespan / bound": quality}))


if __name__ == "__main__":
    measure = {"plan": measure_plan, "uneven": measure_uneven, "scan": measure_scan}[sys.argv[1]]
    measure(int(sys.argv[2]), int(sys.argv[3]))
