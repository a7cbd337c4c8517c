"""A whole campaign from one process, without Airflow: for tests, notebooks and small machines.

The same stages in the same order as the DAG ``regenerate_benchmark``; only the waiting differs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from nepsbench.campaign.collect import collect_wave
from nepsbench.campaign.draw import draw_profile
from nepsbench.campaign.form import Campaign
from nepsbench.campaign.initialize import accept_environment, initialize_job
from nepsbench.campaign.wave import ensure_plan, wave_jobs
from nepsbench.campaign.wave_bar import wave_bar
from nepsbench.cluster import Cluster, Job
from nepsbench.cluster.ledger import open_ledger
from nepsbench.cluster.waiting import drive, require_success

Say = Callable[[str], None]


def run_campaign(
    campaign: Campaign, home: Path, cluster: Cluster, *, say: Say = print, bar: bool = False
) -> None:
    """Draw, initialize, and run and collect every wave. What is done already is not done again.

    Args:
        campaign: What to run.
        home: The data home.
        cluster: Where jobs run.
        say: Told what was done, a line each.
        bar: Show on standard error how far each wave is, if that is a screen.

    Raises:
        NepsbenchError: If a stage failed; calling again goes on from there.
    """
    profile = draw_profile(campaign, home)
    say(f"{campaign.name}: {len(profile)} trials, profile {profile.hash[:12]}")
    run_jobs(cluster, [initialize_job(campaign, home, cluster)], home)
    found = accept_environment(campaign, home, cluster)
    say(f"initialized on {found['host']}, dataset {found['dataset']} {found['dataset_version']}")
    for before, epochs in zip((0, *campaign.waves), campaign.waves, strict=False):
        wave = ensure_plan(campaign, epochs, home, cluster.file)
        for warning in wave.warnings:
            say(f"wave {epochs}: warning: {warning}")
        jobs = wave_jobs(campaign, wave, home, cluster)
        with wave_bar(wave, cluster, before=before, shown=bar) as move:
            run_jobs(cluster, jobs, home, after_tick=move)
        collected = collect_wave(campaign, epochs, home, cluster)
        say(f"wave {epochs}: {collected.summary}")


def run_jobs(
    cluster: Cluster,
    jobs: Sequence[Job],
    home: Path,
    *,
    after_tick: Callable[[], None] | None = None,
) -> None:
    """Want jobs in the ledger of ``home``, and drive the cluster until each is settled.

    Ended before that, this process leaves the jobs running; wanted again, they are adopted.

    Raises:
        ClusterError: If one did not succeed, after as many attempts as its causes are worth.
    """
    if not jobs:
        return
    keys = [job.key for job in jobs]
    with open_ledger(home) as ledger:
        ledger.want(cluster.file.name, jobs, _owner())
        drive(cluster, ledger, keys, after_tick=after_tick)
        require_success(ledger, keys)


def _owner() -> str:
    """Return a name for this process: what another process wants is not this one's to give up."""
    return f"process {os.getpid()} on {os.uname().nodename}"
