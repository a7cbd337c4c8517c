"""``nepsbench jobs``: Plan jobs from a profile and measured runtimes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from nepsbench.sampling.profile import Profile
    from nepsbench.scheduling.measured import Measured
    from nepsbench.scheduling.wave import WavePlan

app = typer.Typer(help="Plan jobs from a profile and measured runtimes.", no_args_is_help=True)


@app.callback()
def jobs() -> None:
    """Plan jobs from a profile and measured runtimes."""


@app.command("plan")
def plan_jobs(
    profile: Path = typer.Argument(help="A profile that nepsbench wrote."),
    output: Path = typer.Option(..., "--output", "-o", help="Folder for the plan."),
    force: bool = typer.Option(False, help="Write over a plan that stands in the folder."),
    epochs: int = typer.Option(..., min=1, help="Train every trial up to this epoch."),
    recipe: str | None = typer.Option(None, help="How trials are trained. Default: the space's."),
    measured: Path | None = typer.Option(
        None, help="Parquet: taskid, model_idx, seconds_per_epoch; if known, epochs and ended."
    ),
    home: Path | None = typer.Option(None, help="Data home to read measured runtimes from."),
    nodes: int = typer.Option(1, help="Most nodes of a job."),
    cpus_per_node: int = typer.Option(1, help="CPUs of a node."),
    cpus_per_worker: int | None = typer.Option(
        None, help="CPUs of a worker. Default: the most that a trial of the profile needs."
    ),
    memory: float | None = typer.Option(None, help="Memory of a node in MB. Default: no limit."),
    memory_per_worker: float | None = typer.Option(
        None, help="Memory of a worker in MB. Default: the most that a planned trial needs."
    ),
    time_limit: str = typer.Option("2-00:00", help="Longest wall time of a job: D-HH:MM[:SS]."),
    max_jobs: int = typer.Option(1, help="Most jobs."),
    margin: float = typer.Option(1.25, help="Factor on every predicted runtime."),
    startup: float = typer.Option(60.0, help="Seconds a worker needs before its first trial."),
    cutoff: float = typer.Option(0.8, help="Warn if the predicted utilisation is below."),
) -> None:
    """Bundle a profile's trials into worker portfolios and jobs, longest trials first.

    A plan to look at: its folders have portfolios, but no job.json, so that worker run refuses
    them. Campaigns plan, and run, by themselves.

    Example: nepsbench jobs plan profile.parquet --epochs 12 --nodes 4 --cpus-per-node 48 -o plan
    """
    from nepsbench.sampling import read_profile
    from nepsbench.scheduling import Limits
    from nepsbench.scheduling.timelimit import parse_time_limit
    from nepsbench.scheduling.wave import plan_wave
    from nepsbench.training.fit import fitting_recipe, own_recipe

    trials = read_profile(profile)
    name = recipe or own_recipe(trials.space)
    fitting_recipe(name, trials.space, trials.spec.dataset).check_epochs(epochs)
    limits = Limits(
        nodes=nodes,
        cpus_per_node=cpus_per_node,
        cpus_per_worker=cpus_per_worker or trials.spec.needs.cpus,
        memory_mb_per_node=memory,
        memory_mb_per_worker=memory_per_worker,
        time_limit=parse_time_limit(time_limit),
        max_jobs=max_jobs,
        margin=margin,
        startup=startup,
        cutoff=cutoff,
    )
    wave = plan_wave(trials, limits, epochs=epochs, measured=_measured(trials, measured, home))
    wave.write(output, force=force)
    _tell(wave)
    typer.echo(f"written to {output}")


def _measured(profile: Profile, file: Path | None, home: Path | None) -> Measured | None:
    """Return what is known of earlier waves, from a file or from the warehouse."""
    from nepsbench.errors import SpecError
    from nepsbench.scheduling.measured import align, read_measured

    if file and home:
        raise SpecError("--measured and --home both name measured runtimes; give one of them")
    if file:
        return read_measured(file, profile)
    if home:
        from nepsbench.warehouse import open_warehouse

        return align(open_warehouse(home).seconds_per_epoch(profile.name), profile)
    return None


def _tell(wave: WavePlan) -> None:
    """Print the summary, and the warnings beside it."""
    for line in _report(wave):
        typer.echo(line)
    for warning in wave.warnings:
        typer.echo(f"warning: {warning}", err=True)


def _report(wave: WavePlan) -> list[str]:
    """Return the summary table's lines."""
    from nepsbench.scheduling.timelimit import format_time_limit

    plan = wave.plan
    rows = [
        ("trials", f"{plan.trials:,}, {wave.estimate.measured:,} of the profile measured"),
        ("jobs", f"{len(plan.jobs):,}"),
        ("nodes", f"{sum(job.resources.nodes for job in plan.jobs):,}"),
        ("workers", f"{plan.workers:,}"),
        ("makespan", f"{format_time_limit(plan.makespan)} (no plan is below "
         f"{format_time_limit(plan.bound)})"),
        ("utilisation", f"{plan.utilisation:.1%} predicted"),
        ("CPU hours", f"{plan.cpu_hours:,.2f} training of {plan.reserved_cpu_hours:,.2f} reserved"),
        ("remainder", f"{len(plan.remainder):,}"),
    ]  # fmt: skip
    if plan.jobs:
        rows.insert(
            2, ("time limit", f"{format_time_limit(plan.jobs[0].resources.time_limit)} at most")
        )
    return [f"{name:<12} {value}" for name, value in rows]
