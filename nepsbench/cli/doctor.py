"""``nepsbench doctor``: what this machine has and lacks, and what to do."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import typer


def doctor(
    as_json: bool = typer.Option(False, "--json", help="As one JSON object."),
    home: Path | None = typer.Option(None, help="Data home. Default: NEPSBENCH_HOME."),
) -> None:
    """Look at versions, extras, disk, clusters and MLflow; exit code 1 if something is wrong.

    Example: nepsbench doctor
    """
    from nepsbench.doctor import Verdict, examine
    from nepsbench.home import data_home

    findings = examine(data_home(home))
    if as_json:
        typer.echo(json.dumps({"findings": [asdict(each) for each in findings]}))
    else:
        width = 2 + max(len(each.name) for each in findings)
        for each in findings:
            remedy = f"  -> {each.remedy}" if each.remedy else ""
            typer.echo(f"{each.verdict.value:8}{each.name:{width}}{each.detail}{remedy}")
    if any(each.verdict is Verdict.WRONG for each in findings):
        raise typer.Exit(1)
