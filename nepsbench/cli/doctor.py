"""``nepsbench doctor``: what this machine has and lacks, and what to do."""

from __future__ import annotations

from pathlib import Path

import typer

from nepsbench.cli.rows import JSON, echo_verdicts


def doctor(
    as_json: bool = JSON,
    home: Path | None = typer.Option(None, help="Data home. Default: NEPSBENCH_HOME."),
) -> None:
    """Look at versions, extras, disk, clusters and MLflow; exit code 1 if something is wrong.

    Example: nepsbench doctor
    """
    from nepsbench.doctor import Verdict, examine
    from nepsbench.home import data_home

    findings = examine(data_home(home))
    echo_verdicts(findings, as_json=as_json)
    if any(each.verdict is Verdict.WRONG for each in findings):
        raise typer.Exit(1)
