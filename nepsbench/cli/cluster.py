"""``nepsbench cluster``: list, check, install, status, cancel, sweep."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from nepsbench.cli.rows import JSON, echo_rows, echo_verdicts
from nepsbench.errors import SpecError

app = typer.Typer(help="Where jobs run: local processes, or SLURM over SSH.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name or file of a cluster.")]
_HOME = typer.Option(None, help="Data home. Default: NEPSBENCH_HOME, else ./warehouse.")


@app.command("list")
def list_clusters(as_json: bool = JSON) -> None:
    """List the clusters that have a file.

    Example: nepsbench cluster list
    """
    from nepsbench.cluster import cluster_names, load_cluster

    rows = []
    for name in cluster_names():
        file = load_cluster(name)
        where = f"{file.ssh.host}:{file.ssh.port}" if file.ssh else "this machine"
        rows.append({"cluster": name, "kind": file.kind, "where": where, "root": file.root})
    echo_rows(rows, as_json=as_json)


@app.command()
def check(name: Name, as_json: bool = JSON) -> None:
    """Tell what a cluster has and lacks; exit code 1 if something is missing.

    Example: nepsbench cluster check local
    """
    from nepsbench.cluster import load_cluster, open_cluster
    from nepsbench.cluster.check import Verdict
    from nepsbench.cluster.check import check as run_checks

    with open_cluster(load_cluster(name)) as cluster:
        checks = run_checks(cluster)
    echo_verdicts(checks, as_json=as_json)
    if any(item.verdict is Verdict.MISSING for item in checks):
        raise typer.Exit(1)


@app.command()
def install(name: Name) -> None:
    """Put this version of the package on a cluster.

    Example: nepsbench cluster install hpc
    """
    from nepsbench.cluster import load_cluster, open_cluster
    from nepsbench.cluster.install import install as install_package

    with open_cluster(load_cluster(name)) as cluster:
        typer.echo(install_package(cluster))


@app.command()
def status(
    name: Name,
    every: Annotated[bool, typer.Option("--all", help="Jobs that are settled, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
    home: Path | None = _HOME,
) -> None:
    """Show every attempt, how it stands and what is wrong, without asking the cluster.

    Example: nepsbench cluster status local --all
    """
    from nepsbench.cluster import load_cluster
    from nepsbench.cluster.ledger import open_ledger
    from nepsbench.cluster.overview import read_status
    from nepsbench.cluster.status import text
    from nepsbench.home import data_home

    file = load_cluster(name)
    with open_ledger(data_home(home)) as ledger:
        found = read_status(ledger, file, every=every)
    typer.echo(json.dumps(found.as_json()) if as_json else "\n".join(text(found)))


@app.command()
def cancel(
    name: Name,
    keys: Annotated[list[str] | None, typer.Argument(help="Job keys, as status shows.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All jobs that are not settled.")] = False,
    for_now: Annotated[
        bool, typer.Option("--for-now", help="Whoever waits for them may begin them again.")
    ] = False,
    home: Path | None = _HOME,
) -> None:
    """Stop jobs for good; workers write their checkpoints first.

    Example: nepsbench cluster cancel local --all
    """
    from nepsbench.cluster import load_cluster, open_cluster
    from nepsbench.cluster.ending import cancel_jobs
    from nepsbench.cluster.ledger import open_ledger
    from nepsbench.home import data_home

    if bool(keys) == every:
        raise SpecError("say which jobs to cancel: their keys, or --all")
    with open_cluster(load_cluster(name)) as cluster, open_ledger(data_home(home)) as ledger:
        cancelled = cancel_jobs(cluster, ledger, keys, for_now=for_now, say=typer.echo)
    typer.echo(f"cancelled {len(cancelled)} jobs")


@app.command()
def sweep(name: Name, home: Path | None = _HOME) -> None:
    """Settle strays: cancel jobs of this data home in the queue that nobody knows or wants.

    Looks, too, at every job that is open, as the platform does by itself. Where the platform runs,
    it has the cluster, and this command only says so.

    Example: nepsbench cluster sweep local
    """
    from nepsbench.cluster import load_cluster, open_cluster
    from nepsbench.cluster.ending import remark
    from nepsbench.cluster.ending import sweep as sweep_cluster
    from nepsbench.cluster.ledger import open_ledger
    from nepsbench.home import data_home

    with open_cluster(load_cluster(name)) as cluster, open_ledger(data_home(home)) as ledger:
        for tick in sweep_cluster(cluster, ledger):
            typer.echo(remark(tick) or tick.line())


@app.command()
def forget(
    name: Name,
    keys: Annotated[
        list[str], typer.Argument(help="Keys of jobs that succeeded, as status --all shows.")
    ],
    home: Path | None = _HOME,
) -> None:
    """Strike jobs that succeeded from the ledger, so that their stage does them again.

    For results that were damaged or deleted after a job had succeeded. What the workers' journals
    hold is not trained again.

    Example: nepsbench cluster forget local my-campaign.w012.0a1b2c3d.0000
    """
    from nepsbench.cluster import load_cluster
    from nepsbench.cluster.ledger import open_ledger
    from nepsbench.home import data_home

    file = load_cluster(name)
    with open_ledger(data_home(home)) as ledger:
        known = ledger.works(keys, cluster=file.name)
        unknown = sorted(set(keys) - known.keys())
        if unknown:
            raise SpecError(
                f"unknown job {unknown[0]!r}; see: nepsbench cluster status {name} --all"
            )
        struck = ledger.forget(keys)
    typer.echo(f"forgot {len(struck)} jobs")
    if open_keys := sorted(known.keys() - set(struck)):
        raise SpecError(
            f"job {open_keys[0]!r} has not succeeded: nothing is to be forgotten, run its stage"
        )
