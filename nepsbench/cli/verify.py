"""``nepsbench verify``: train a part of a benchmark again; look for data that is out of step."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from nepsbench.audit.record import AuditRecord
    from nepsbench.campaign.verification import DataReport

app = typer.Typer(
    help="Train a part of a benchmark again; find and repair data that is out of step.",
    no_args_is_help=True,
)

_HOME = typer.Option(None, help="Data home. Default: NEPSBENCH_HOME, else ./warehouse.")
_JSON = typer.Option(False, "--json", help="As one JSON object.")
#: Offenders of a check that are shown as text.
_SHOWN = 10


@app.command()
def reproducibility(
    benchmark: str = typer.Argument(
        help="A benchmark of the warehouse; or a release: name@version or its folder."
    ),
    share: float = typer.Option(0.01, help="Part of the trials that is trained again."),
    number: int | None = typer.Option(None, help="How many trials, instead of a share."),
    seed: int = typer.Option(0, help="Which trials. Another seed is another audit."),
    epochs: int | None = typer.Option(
        None, help="The last epoch to train again. Default: as far as each was trained."
    ),
    cluster: str = typer.Option("local", help="Where: the name of a cluster."),
    points: float = typer.Option(
        2.0, help="Tolerance of accuracies in points, on other hardware or software."
    ),
    relative: float = typer.Option(0.05, help="The same of losses, as a part of the value."),
    as_json: bool = _JSON,
    home: Path | None = _HOME,
) -> None:
    """Train a sample of a benchmark's trials again on a cluster, and compare epoch by epoch.

    Exit code 0 if all are exact, or within tolerance on other hardware or software; else 1. The
    same audit again trains nothing, and compares with what is recorded now.

    Example: nepsbench verify reproducibility nepsbench101-digits@1.0.0 --number 8 --seed 1
    """
    from nepsbench.audit.form import parse_audit
    from nepsbench.audit.run import run_audit
    from nepsbench.cluster import load_cluster, open_cluster
    from nepsbench.home import data_home

    form = parse_audit(
        {
            "benchmark": benchmark,
            "share": share,
            "number": number,
            "seed": seed,
            "epochs": epochs,
            "cluster": cluster,
            "points": points,
            "relative": relative,
        }
    )
    with open_cluster(load_cluster(form.cluster)) as opened:
        record = run_audit(form, data_home(home), opened, say=_say)
    if as_json:
        typer.echo(json.dumps(_audit_json(record)))
    else:
        typer.echo("\n".join(_audit_lines(record)))
    if not record.passed:
        raise typer.Exit(1)


@app.command()
def data(
    name: str = typer.Argument(help="A benchmark of the warehouse, or a campaign."),
    repair: bool = typer.Option(
        False, help="Collect what journals have, and queue trials again that training puts right."
    ),
    as_json: bool = _JSON,
    home: Path | None = _HOME,
) -> None:
    """Find missing epochs, time that goes backwards, duplicates, and checkpoints out of step.

    Exit code 1 if there is an error that is not repaired.

    Example: nepsbench verify data nepsbench101-digits --repair
    """
    from nepsbench.campaign.verification import verify_data
    from nepsbench.home import warehouse_home

    report = verify_data(name, warehouse_home(home), repair=repair, say=_say)
    typer.echo(json.dumps(_data_json(report)) if as_json else "\n".join(_data_lines(report)))
    if not report.is_sound:
        raise typer.Exit(1)


@app.command("prepare-here", hidden=True)
def prepare_here(
    dataset: str = typer.Argument(help="The dataset of the audited trials."),
    datasets: Path = typer.Option(..., help="Folder of prepared datasets."),
    job: Path = typer.Option(..., help="The job's folder."),
) -> None:
    """Prepare an audit's dataset: what runs inside the first job of an audit."""
    from nepsbench.audit.environment import prepare_here as run_here

    typer.echo(json.dumps(run_here(dataset, datasets, job), indent=1))


@app.command("survey-here", hidden=True)
def survey_here(
    directory: Path = typer.Argument(help="The campaign's folder on this cluster."),
    job: Path = typer.Option(..., help="The job's folder."),
) -> None:
    """Write down what the campaign's folder holds: what runs inside the job of a survey."""
    from nepsbench.training.survey import survey_here as run_here

    run_here(directory, job)


def _say(line: str) -> None:
    """Tell how it goes on, where it does not mix with the result."""
    typer.echo(line, err=True)


def _audit_json(record: AuditRecord) -> dict[str, object]:
    found = record.model_dump(mode="json")
    return {**found, "verdicts": record.verdicts, "passed": record.passed}


def _audit_lines(record: AuditRecord) -> list[str]:
    from nepsbench.release.audited import audit_line

    return [*map(str, record.trials), audit_line(record.summary())]


def _data_json(report: DataReport) -> dict[str, object]:
    return {
        "name": report.name,
        "sound": report.is_sound,
        "findings": [asdict(finding) for finding in report.checks.findings],
        "damage": report.damage,
        "remarks": report.remarks,
        "requeued": [asdict(item) for item in report.requeued],
    }


def _data_lines(report: DataReport) -> list[str]:
    lines = [f"remark: {remark}" for remark in report.remarks]
    lines += [f"error: {line}" for line in report.damage]
    for finding in report.checks.findings:
        head = f"{finding.severity}: {finding.title}: {finding.rows} (check {finding.check})"
        lines += [head, *(f"  {text}" for text in finding.examples[:_SHOWN])]
        if finding.rows > _SHOWN:
            lines.append(f"  and {finding.rows - _SHOWN} more; --json names all")
    lines += [str(item) for item in report.requeued]
    checks = report.checks
    counted = f"{len(checks.errors)} with errors, {len(checks.warnings)} with warnings"
    lines.append(f"{len(checks.checks)} checks: {counted}{_advice(report)}")
    return lines


def _advice(report: DataReport) -> str:
    if report.requeued:
        return f"; {len(report.requeued)} trials are queued again: run their waves"
    count = sum(finding.rows for finding in report.repairable)
    return f"; --repair can do something about {count} of what was found" if count else ""
