"""Results as a Markdown page: the figures, the machine, and how to make each again."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.figure import Result
from nepsbench.provenance import cpu_model

_HEAD = """# Benchmarks

Made by `make bench`; a figure that was measured alone since then has replaced its row. Every figure
is a fresh process on one CPU, unless it says otherwise; seconds are the median of its runs, with
the fastest and the slowest. Memory is the peak of the process.

| figure | seconds | target | memory | reported | measured | alone by |
|---|---|---|---|---|---|---|
"""


def record(path: Path, names: Sequence[str], result: Result) -> None:
    """Put a figure into the page at ``path``, in the place of what it said of it before.

    Args:
        path: The page; made if it is not there.
        names: All figures there are, in the page's order; rows of others are dropped.
        result: What was measured.
    """
    rows = _rows(path.read_text()) if path.exists() else {}
    rows[result.figure.name] = row(result)
    ordered = [rows[name] for name in names if name in rows]
    path.write_text(_HEAD + "\n".join(ordered) + f"\n\n{machine()}\n")


def _rows(page: str) -> dict[str, str]:
    """Return the page's rows by the name of their figure, which the command in the end tells."""
    lines = [line for line in page.splitlines() if line.endswith("` |")]
    return {line.rpartition("python -m benchmarks ")[2].removesuffix("` |"): line for line in lines}


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
        str(datetime.now(timezone.utc).date()),
        f"`python -m benchmarks {figure.name}`",
    )
    return "| " + " | ".join(cells) + " |"


def machine() -> str:
    """Return what the newest figure was measured on."""
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("numpy", "pyarrow"))
    return (
        f"Machine: {cpu_model()}, {os.cpu_count()} CPUs, {platform.system()} {platform.machine()}; "
        f"Python {platform.python_version()}, {versions}."
    )


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{name}: {_shown(part)}" for name, part in value.items()) or "nothing"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:,.5g}" if isinstance(value, float) else f"{value:,}"
    return str(value)
