"""The root of the command: collects the nouns, and turns every user error into one line."""

from __future__ import annotations

import sys
from typing import NoReturn

import typer

import nepsbench
from nepsbench.cli import (
    campaign,
    cluster,
    datasets,
    doctor,
    draw,
    imports,
    info,
    jobs,
    profile,
    release,
    search,
    surrogate,
    train,
    verify,
    warehouse,
    weights,
    worker,
)
from nepsbench.errors import NepsbenchError

app = typer.Typer(
    name="nepsbench",
    help="Generate, verify, store, publish and query benchmarks for NAS and HPO.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(profile.app, name="profile")
app.add_typer(jobs.app, name="jobs")
app.add_typer(worker.app, name="worker")
app.add_typer(cluster.app, name="cluster")
app.add_typer(campaign.app, name="campaign")
app.add_typer(datasets.app, name="datasets")
app.add_typer(warehouse.app, name="warehouse")
app.add_typer(surrogate.app, name="surrogate")
app.add_typer(release.app, name="release")
app.add_typer(weights.app, name="weights")
app.add_typer(search.app, name="search")
app.add_typer(verify.app, name="verify")
app.command("sql")(warehouse.sql)
app.command("import")(imports.import_published)
app.command("info")(info.info)
app.command("train")(train.train)
app.command("draw")(draw.draw)
app.command("doctor")(doctor.doctor)


@app.command()
def version(
    code: bool = typer.Option(False, "--code", help="With the hash of the installed source."),
) -> None:
    """Print the version of this installation.

    Example: nepsbench version --code
    """
    if code:
        from nepsbench.provenance import code_version

        typer.echo(code_version())
    else:
        typer.echo(nepsbench.__version__)


def main() -> None:
    """Run the command; exit code 1 after a user error, 2 after a usage error."""
    try:
        app()
    except NepsbenchError as error:
        _leave(str(error))
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "nepsbench":
            raise
        _leave(f"{error.name} is not installed; run: pip install 'nepsbench[{_extra(error.name)}]'")
    except OSError as error:
        if error.filename is None:
            raise
        _leave(f"{error.filename}: {error.strerror}")


def _leave(message: str) -> NoReturn:
    typer.echo(f"error: {message}", err=True)
    sys.exit(1)


def _extra(module: str) -> str:
    """Return the extra that brings a module which the base installation lacks."""
    return _EXTRAS.get(module.partition(".")[0], "train")


_EXTRAS = {
    "catboost": "surrogate",
    "ConfigSpace": "search",
    "mlflow": "platform",
    "pandas": "platform",
    "paramiko": "platform",
}
