"""``nepsbench cluster``: list, check, install, status, cancel."""

from __future__ import annotations

from typing import Annotated

import typer

from nepsbench.errors import SpecError

app = typer.Typer(help="Where jobs run: local processes, or SLURM over SSH.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name or file of a cluster.")]


@app.command("list")
def list_clusters() -> None:
    """List the clusters that have a file."""
    from nepsbench.cluster import cluster_names, load_cluster

    for name in cluster_names():
        file = load_cluster(name)
        where = f"{file.ssh.host}:{file.ssh.port}" if file.ssh else "this machine"
        typer.echo(f"{name:16} {file.kind:6} {where:24} {file.root}")


@app.command()
def check(name: Name) -> None:
    """Tell what a cluster has and lacks; exit code 1 if something is missing."""
    from nepsbench.cluster import load_cluster, open_cluster
    from nepsbench.cluster.check import Verdict
    from nepsbench.cluster.check import check as run_checks

    with open_cluster(load_cluster(name)) as cluster:
        checks = run_checks(cluster)
    for item in checks:
        remedy = f"  -> {item.remedy}" if item.remedy else ""
        typer.echo(f"{item.verdict.value:8} {item.name:20} {item.detail}{remedy}")
    if any(item.verdict is Verdict.MISSING for item in checks):
        raise typer.Exit(1)


@app.command()
def install(name: Name) -> None:
    """Put this version of the package on a cluster."""
    from nepsbench.cluster import load_cluster, open_cluster
    from nepsbench.cluster.install import install as install_package

    with open_cluster(load_cluster(name)) as cluster:
        typer.echo(install_package(cluster))


@app.command()
def status(
    name: Name,
    every: Annotated[bool, typer.Option("--all", help="Jobs that have ended, too.")] = False,
) -> None:
    """Show the jobs of all campaigns on a cluster."""
    from nepsbench.cluster import load_cluster, open_cluster
    from nepsbench.errors import ClusterError

    with open_cluster(load_cluster(name)) as cluster:
        handles = cluster.known_jobs()
        snapshot = cluster.poll(handles)
    if not snapshot.healthy:
        raise ClusterError(f"cluster {name}: {snapshot.problem}")
    for handle in handles:
        state = snapshot.states[handle.key]
        if every or not state.phase.is_final:
            typer.echo(
                f"{state.phase.value:14} {handle.job_id:16} {handle.key}  {state.node}"
                f"  {state.native} {state.reason}".rstrip()
            )


@app.command()
def cancel(
    name: Name,
    keys: Annotated[list[str] | None, typer.Argument(help="Job keys, as status shows.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All jobs that have not ended.")] = False,
) -> None:
    """Stop jobs; workers write their checkpoints first."""
    from nepsbench.cluster import load_cluster, open_cluster

    if bool(keys) == every:
        raise SpecError("say which jobs to cancel: their keys, or --all")
    with open_cluster(load_cluster(name)) as cluster:
        known = {handle.key: handle for handle in cluster.known_jobs()}
        unknown = sorted(set(keys or ()) - set(known))
        if unknown:
            raise SpecError(
                f"unknown job {unknown[0]!r}; see: nepsbench cluster status {name} --all"
            )
        chosen = [known[key] for key in keys or known]
        states = cluster.poll(chosen).states
        chosen = [h for h in chosen if h.key not in states or not states[h.key].phase.is_final]
        cluster.cancel(chosen)
    typer.echo(f"cancelled {len(chosen)} jobs")
