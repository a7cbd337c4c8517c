"""The table of the last run in ``docs/reliability.md``."""

from __future__ import annotations

import platform
import re
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

_BEGIN = "<!-- The table is written by make test-faults. -->"
_END = "<!-- End of the table. -->"


@dataclass
class Case:
    """One line of the table. A test fills it in.

    Attributes:
        number: Of the fault in the matrix, or of one that was found later.
        injected: How.
        expected: What must come of it.
        seen: What came of it.
    """

    number: int
    injected: str
    expected: str
    seen: str = ""

    def saw(self, words: str) -> None:
        """Note what was seen, in the end."""
        self.seen = words


@dataclass(frozen=True)
class Line:
    """A case that was run."""

    number: int
    name: str
    injected: str
    expected: str
    seen: str
    passed: bool
    seconds: float


def line_of(name: str, case: dict[str, Any], *, failure: str, seconds: float) -> Line:
    """Return the line of a test that ended; ``failure`` is empty if it passed."""
    seen = f"**failed**: {failure}" if failure else case["seen"] or "as expected"
    case = {**case, "seen": " ".join(seen.split())}
    return Line(**case, name=name, passed=not failure, seconds=seconds)


def write_table(path: Path, lines: Sequence[Line], *, when: datetime) -> None:
    """Replace the table in a document.

    Raises:
        ValueError: If the document lacks the place for it.
    """
    text = path.read_text("utf-8")
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not (begin and end):
        raise ValueError(f"{path}: no lines {_BEGIN} and {_END}")
    body = "\n".join(["", summary(lines, when), "", *table(lines), ""])
    path.write_text(f"{before}{begin}\n{body}\n{end}{after}", "utf-8")


def summary(lines: Sequence[Line], when: datetime) -> str:
    """Return the sentence above the table."""
    failed = sum(not line.passed for line in lines)
    minutes = sum(line.seconds for line in lines) / 60
    cases = len({line.number for line in lines})
    verdict = f"{failed} failed" if failed else "all passed"
    return (
        f"Last run: {when:%d %B %Y, %H:%M} UTC, {len(lines)} tests of {cases} cases, "
        f"{verdict}, {minutes:.0f} minutes of tests. {versions()}."
    )


def table(lines: Iterable[Line]) -> list[str]:
    """Return the table, a row a test, in the order of the numbers."""
    rows = ["| # | injected | expected | seen | s |", "|---|---|---|---|---|"]
    for line in sorted(lines, key=lambda line: (line.number, line.name)):
        cells = [str(line.number), line.injected, line.expected, line.seen, f"{line.seconds:.0f}"]
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return rows


def versions() -> str:
    """Return what the run was made with."""
    # Unlike sbatch, the daemon tells its version without a configuration.
    slurm = _said("slurmctld", "-V")
    ssh = re.split(r"[, ]", _said("ssh", "-V"))[0].replace("_", " ")
    return (
        f"{slurm}, {ssh}, Python {platform.python_version()}, paramiko {version('paramiko')}, "
        f"Airflow {version('apache-airflow')}, {platform.system()} {platform.release()}"
    )


def now() -> datetime:
    """Return the time that stands in the document."""
    return datetime.now(timezone.utc)


def as_property(case: Case) -> dict[str, Any]:
    """Return a case as plain values, which a report can carry from one process to another."""
    return asdict(case)


def _said(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return command[0]
    return (done.stdout or done.stderr).strip()
