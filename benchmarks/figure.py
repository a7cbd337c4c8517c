"""One figure: a command in a process of its own, its seconds and its peak memory."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Figure:
    """What is measured.

    Attributes:
        name: For the command line.
        title: For people.
        command: Arguments of Python. It runs in an empty folder. If its last line is
            JSON, ``seconds`` and ``memory_mb`` in it count instead of the whole process's, and
            everything else in it is reported.
        target: Most seconds that are good enough, or None.
        bounds: For reported values, the most that is good enough.
        prepare: Makes what the command needs in its folder; not timed.
        runs: How often; the median counts.
        cpus: How many CPUs it may use.
    """

    name: str
    title: str
    command: tuple[str, ...]
    target: float | None = None
    bounds: Mapping[str, float] = field(default_factory=dict)
    prepare: Callable[[Path], None] | None = None
    runs: int = 3
    cpus: int = 1


@dataclass(frozen=True)
class Result:
    """What was measured: seconds of every run, most memory of any, and the last run's report."""

    figure: Figure
    seconds: tuple[float, ...]
    memory_mb: float
    reported: Mapping[str, Any]

    @property
    def median(self) -> float:
        """Seconds of the run in the middle."""
        return statistics.median(self.seconds)

    @property
    def is_met(self) -> bool:
        """True if every target is met."""
        figure = self.figure
        in_time = figure.target is None or self.median <= figure.target
        return in_time and all(self.reported[name] <= most for name, most in figure.bounds.items())


def measure(figure: Figure) -> Result:
    """Run the figure's command as often as it says.

    Raises:
        subprocess.CalledProcessError: If it fails; its own words stand on stderr.
    """
    seconds, memory, reported = [], 0.0, {}
    for _ in range(figure.runs):
        with tempfile.TemporaryDirectory(prefix="nepsbench-bench-") as folder:
            if figure.prepare:
                figure.prepare(Path(folder))
            wall, peak, reported = _run(figure, folder=folder)
        seconds.append(reported.pop("seconds", wall))
        memory = max(memory, reported.pop("memory_mb", peak))
    return Result(figure, tuple(seconds), memory, reported)


def _run(figure: Figure, *, folder: str) -> tuple[float, float, dict[str, Any]]:
    """Return wall seconds, peak memory in MB, and what the last line of output reports."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    usage_file = Path(folder) / "usage.json"
    launch = [sys.executable, str(ROOT / "benchmarks/launch.py"), str(usage_file), str(figure.cpus)]
    output = subprocess.run(
        [*launch, sys.executable, *figure.command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    usage = json.loads(usage_file.read_text())
    last = (output.splitlines() or [""])[-1]
    reported = json.loads(last) if last.startswith("{") else {}
    return usage["seconds"], usage["memory_mb"], reported
