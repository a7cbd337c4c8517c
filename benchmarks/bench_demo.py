"""What the platform adds to the demo's bare training, and how soon its first job is submitted.

As a script: starts Airflow and MLflow in the folder that it runs in, regenerates the demo's
benchmark on local processes with all CPUs, and stops everything. Seconds are those of the run in
Airflow, with its services up already.
"""

from __future__ import annotations

import json
import os
import sqlite3
from datetime import datetime, timezone
from pathlib import Path

import duckdb

from benchmarks.figure import ROOT, Figure
from include.platform import services
from include.platform.demo import DAG, demo_form, follow, run_id_of
from include.platform.settings import Settings
from nepsbench.campaign.form import parse_campaign
from nepsbench.cluster import open_ledger


def figures() -> list[Figure]:
    """Return the one figure."""
    title = "`make demo`, services up: 64 trials in two waves, from the trigger to the release"
    return [Figure("demo", title, (__file__,), runs=1)]


def main() -> None:
    """Measure, and print one line of JSON."""
    from rich.console import Console

    cpus = os.cpu_count() or 1
    os.sched_setaffinity(0, range(cpus))
    here = Path.cwd()
    settings = Settings(
        state=here / "state",
        home=here / "home",
        dags=ROOT / "dags",
        clusters=(ROOT / "include/clusters",),
        slurm=here / "slurm",
    )
    form = demo_form("local")
    run = run_id_of(form)
    try:
        platform = services.up(settings, say=lambda _: None)
        console = Console(quiet=True)
        follow(platform, run, conf=form, campaign=parse_campaign(form), console=console)
        print(json.dumps(_figures(settings, run, cpus)))
    finally:
        services.down(settings, say=lambda _: None)


def _figures(settings: Settings, run: str, cpus: int) -> dict[str, object]:
    begun, ended = _run_times(settings, run)
    trained = _seconds_trained(settings) / cpus
    with open_ledger(settings.home) as ledger:
        first = min(attempt.sent for attempt in ledger.attempts())
    return {
        "seconds": ended - begun,
        "bare training (s)": round(trained, 1),
        "overhead (s)": round(ended - begun - trained, 1),
        "run / bare training": round((ended - begun) / trained, 2),
        "trigger to first submission (s)": round(first - begun, 1),
    }


def _run_times(settings: Settings, run: str) -> tuple[float, float]:
    """Return when the run was triggered and when it ended, in seconds since the epoch."""
    with sqlite3.connect(settings.airflow / "airflow.db") as database:
        row = database.execute(
            "SELECT queued_at, end_date FROM dag_run WHERE dag_id = ? AND run_id = ?", [DAG, run]
        ).fetchone()
    moments = [datetime.fromisoformat(text).replace(tzinfo=timezone.utc) for text in row]
    return moments[0].timestamp(), moments[1].timestamp()


def _seconds_trained(settings: Settings) -> float:
    """Return the seconds that all workers spent in epochs, their evaluation included."""
    files = settings.home / "benchmarks" / "*" / "epochs" / "*.parquet"
    durations = "train_duration + valid_duration + coalesce(test_duration, 0)"
    query = f"SELECT sum({durations}) FROM read_parquet('{files}')"
    (seconds,) = duckdb.sql(query).fetchall()[0]
    return float(seconds)


if __name__ == "__main__":
    main()
