"""Runs the SQL checks and says whether the results can be released."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import Literal, cast

import duckdb

from nepsbench.errors import InvalidResultError
from nepsbench.warehouse.views import query_text

Severity = Literal["error", "warning"]

_EXAMPLES = 5


@dataclass(frozen=True)
class Finding:
    """A check that some rows offend.

    Attributes:
        check: The check's name, that of its SQL file.
        severity: ``error`` forbids a release.
        title: What is wrong.
        rows: How many rows offend.
        examples: The first of them, in words.
    """

    check: str
    severity: Severity
    title: str
    rows: int
    examples: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.title}: {self.rows}, first {self.examples[0]} (check {self.check})"


@dataclass(frozen=True)
class CheckReport:
    """What the checks found.

    Attributes:
        checks: Names of all checks that ran.
        findings: Errors first.
    """

    checks: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that forbid a release."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings that a release may carry."""
        return tuple(finding for finding in self.findings if finding.severity == "warning")

    def require_clean(self) -> None:
        """Let through what can be released.

        Raises:
            InvalidResultError: If a check with severity error found something; names the first.
        """
        if self.errors:
            more = f", and {len(self.errors) - 1} more checks" if len(self.errors) > 1 else ""
            raise InvalidResultError(
                f"{self.errors[0]}{more}; see `nepsbench warehouse check`, then collect or train "
                "these trials again"
            )


def check_texts() -> dict[str, str]:
    """Return the SQL of every check by name."""
    folder = files("nepsbench.warehouse").joinpath("checks")
    return {
        item.name.removesuffix(".sql"): item.read_text()
        for item in sorted(folder.iterdir(), key=lambda item: item.name)
        if item.name.endswith(".sql")
    }


def run_checks(
    connection: duckdb.DuckDBPyConnection, *, benchmark: str | None, profile: str | None
) -> CheckReport:
    """Run every check over a benchmark, a profile, or all that there is."""
    found = []
    texts = check_texts()
    for name, text in texts.items():
        parameters = {"benchmark": benchmark, "profile": profile, "examples": _EXAMPLES}
        rows = connection.sql(query_text("run_check", check=text), params=parameters).fetchall()
        if rows:
            found.append(_finding(name, text, rows))
    return CheckReport(tuple(texts), tuple(sorted(found, key=lambda finding: finding.severity)))


def _finding(name: str, text: str, rows: list[tuple[object, ...]]) -> Finding:
    severity, title = text.splitlines()[0].removeprefix("-- ").split(": ", 1)
    return Finding(
        check=name,
        severity=cast(Severity, severity),
        title=title,
        rows=cast(int, rows[0][0]),
        examples=tuple(f"{row[1]} taskid {row[2]} model_idx {row[3]}: {row[4]}" for row in rows),
    )
