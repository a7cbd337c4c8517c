"""Results as a Markdown page: the figures, the machine, and how to make each again."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import datetime, timezone
from importlib import metadata
from typing import Any

from benchmarks.figure import Result
from nepsbench.provenance import cpu_model

_HEAD = """# Benchmarks

Made by `make bench`. Every figure is a fresh process on one CPU, unless it says otherwise; seconds
are the median of its runs, with the fastest and the slowest. Memory is the peak of the process.

| figure | seconds | target | memory | reported | alone by |
|---|---|---|---|---|---|
"""


def page(results: Sequence[Result]) -> str:
    """Return the page of ``results``."""
    rows = "".join(row(result) + "\n" for result in results)
    return f"{_HEAD}{rows}\n{machine()}\n"


def row(result: Result) -> str:
    """Return a figure's row of the table."""
    figure = result.figure
    spread = f"{min(result.seconds):.3g}–{max(result.seconds):.3g}"  # noqa: RUF001
    targets = [f"≤ {figure.target:g} s"] if figure.target is not None else []
    targets += [f"{name} ≤ {most:g}" for name, most in figure.bounds.items()]
    met = (", met" if result.is_met else ", **missed**") if targets else "none"
    reported = ", ".join(f"{name} {_shown(value)}" for name, value in result.reported.items())
    cells = (
        figure.title,
        f"**{result.median:.3g}** ({spread})",
        ", ".join(targets) + met,
        f"{result.memory_mb:,.0f} MB",
        reported,
        f"`python -m benchmarks {figure.name}`",
    )
    return "| " + " | ".join(cells) + " |"


def machine() -> str:
    """Return what the figures were measured on, and when."""
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("numpy", "pyarrow"))
    today = datetime.now(timezone.utc).date()
    return (
        f"Machine: {cpu_model()}, {os.cpu_count()} CPUs, {platform.system()} {platform.machine()}; "
        f"Python {platform.python_version()}, {versions}. Date: {today}."
    )


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,.5g}" if isinstance(value, float) else f"{value:,}"
