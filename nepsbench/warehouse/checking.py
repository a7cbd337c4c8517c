"""Runs the SQL checks and says whether the results can be released."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal, cast

import duckdb
import pyarrow as pa

from nepsbench.errors import InvalidResultError
from nepsbench.warehouse.views import query_text

Severity = Literal["error", "warning"]
#: What puts an offending trial right: collecting its journals again, or training it again, from
#: its checkpoint or from the start.
Repair = Literal["collect", "checkpoint", "start"]

_EXAMPLES = 5
_HEADER = re.compile(
    r"-- (?P<severity>error|warning): (?P<title>.+)\n(-- repair: (?P<repair>\w+)\n)?"
)


@dataclass(frozen=True)
class Offender:
    """A row that offends a check, by the trial that it is of; ``detail`` says what is wrong."""

    benchmark: str
    profile: str
    taskid: int
    model_idx: int
    detail: str

    def __str__(self) -> str:
        return f"{self.profile} taskid {self.taskid} model_idx {self.model_idx}: {self.detail}"


@dataclass(frozen=True)
class Finding:
    """A check that some rows offend.

    Attributes:
        check: The check's name, that of its SQL file.
        severity: ``error`` forbids a release.
        title: What is wrong.
        repair: What puts it right; None where neither collecting nor training does.
        rows: How many rows offend.
        offenders: The first of them.
    """

    check: str
    severity: Severity
    title: str
    repair: Repair | None
    rows: int
    offenders: tuple[Offender, ...]

    @property
    def examples(self) -> tuple[str, ...]:
        """The first offenders, in words."""
        return tuple(str(offender) for offender in self.offenders)

    def __str__(self) -> str:
        return f"{self.title}: {self.rows}, first {self.offenders[0]} (check {self.check})"


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
    connection: duckdb.DuckDBPyConnection,
    *,
    benchmark: str | None,
    profile: str | None,
    checkpoints: pa.Table | None = None,
    shown: int | None = _EXAMPLES,
) -> CheckReport:
    """Run every check over a benchmark, a profile, or all that there is.

    Args:
        connection: Has the tables or views ``trials`` and ``epochs``.
        benchmark: Only this one.
        profile: Only this one.
        checkpoints: What a survey found on the clusters, of :func:`checkpoint_schema`; where it is
            left out, the checks that speak of checkpoints find nothing.
        shown: How many offenders a finding names; None for all.
    """
    known = checkpoint_schema().empty_table() if checkpoints is None else checkpoints
    connection.register("checkpoints", known.cast(checkpoint_schema()))
    found = []
    texts = check_texts()
    for name, text in texts.items():
        parameters = {"benchmark": benchmark, "profile": profile, "shown": shown}
        rows = connection.sql(query_text("run_check", check=text), params=parameters).fetchall()
        if rows:
            found.append(_finding(name, text, rows))
    return CheckReport(tuple(texts), tuple(sorted(found, key=lambda finding: finding.severity)))


def checkpoint_schema() -> pa.Schema:
    """Return what is known of each trial that has a checkpoint, or a record in a journal there.

    ``epoch`` is the checkpoint's, missing where there is none or where ``problem`` says why it
    cannot be read; ``config_id`` and ``seed`` are whose it is; ``journalled`` is the last epoch in
    the journals.
    """
    words, whole = pa.string(), pa.int64()
    named = [("benchmark", words), ("profile", words), ("taskid", whole), ("model_idx", whole)]
    told = [("epoch", whole), ("problem", words), ("config_id", words), ("seed", whole)]
    return pa.schema([*named, *told, ("journalled", whole)])


def _finding(name: str, text: str, rows: list[tuple[Any, ...]]) -> Finding:
    head = _HEADER.match(text)
    assert head is not None, f"check {name} lacks its header"
    return Finding(
        check=name,
        severity=cast(Severity, head["severity"]),
        title=head["title"],
        repair=cast("Repair | None", head["repair"]),
        rows=rows[0][0],
        offenders=tuple(Offender(*row[1:]) for row in rows),
    )
