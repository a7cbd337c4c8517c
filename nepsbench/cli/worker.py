"""``nepsbench worker``: what runs inside a job."""

from __future__ import annotations

from pathlib import Path

import typer

app = typer.Typer(help="What runs inside a job.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep ``run`` a command of its own."""


@app.command()
def run(
    job: Path = typer.Option(..., help="The job's folder: job.json, portfolios.jsonl, results/."),
    worker: int = typer.Option(
        0, min=0, envvar="NEPSBENCH_WORKER", help="Which portfolio to train, from 0."
    ),
) -> None:
    """Train one worker's portfolio; run again, it goes on where it stopped.

    Exit code 0: every trial has an outcome. 3: the time limit or a signal left trials for another
    run. 1: an error that stops the worker, such as a full disk.

    Example: nepsbench worker run --job jobs/job-0000 --worker 0
    """
    from nepsbench.schema import TRIALS_REMAIN
    from nepsbench.training.interruption import Interruption

    interruption = Interruption()
    with interruption.listening():
        # Torch takes seconds to load; a signal in them must not kill the worker.
        from nepsbench.training.worker import run_worker

        summary = run_worker(job, worker, interruption)
    typer.echo(" ".join(f"{status}={n}" for status, n in summary.counts.items()))
    if summary.remaining:
        raise typer.Exit(TRIALS_REMAIN)
