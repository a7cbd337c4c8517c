"""A whole campaign from one process, without Airflow: for tests, notebooks and small machines.

The same stages in the same order as the DAG ``regenerate_benchmark``; only the waiting differs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from nepsbench.campaign.collect import collect_wave
from nepsbench.campaign.draw import draw_profile
from nepsbench.campaign.form import Campaign
from nepsbench.campaign.initialize import accept_environment, initialize_job
from nepsbench.campaign.progress import count_records
from nepsbench.campaign.wave import ensure_plan, wave_jobs
from nepsbench.cluster import Cluster, Handle, Job, JobState, LostCounter
from nepsbench.cluster.waiting import require_success, trials_remain

Say = Callable[[str], None]


def run_campaign(campaign: Campaign, home: Path, cluster: Cluster, *, say: Say = print) -> None:
    """Draw, initialize, and run and collect every wave. What is done already is not done again.

    Raises:
        NepsbenchError: If a stage failed; calling again goes on from there.
    """
    profile = draw_profile(campaign, home)
    say(f"{campaign.name}: {len(profile)} trials, profile {profile.hash[:12]}")
    run_jobs(cluster, [initialize_job(campaign, home, cluster)])
    found = accept_environment(campaign, home, cluster)
    say(f"initialized on {found['host']}, dataset {found['dataset']} {found['dataset_version']}")
    for epochs in campaign.waves:
        wave = ensure_plan(campaign, epochs, home, cluster.file)
        for warning in wave.warnings:
            say(f"wave {epochs}: warning: {warning}")
        run_jobs(cluster, wave_jobs(campaign, wave, cluster))
        collected = collect_wave(campaign, epochs, home, cluster)
        say(f"wave {epochs}: {collected.summary}")


def run_jobs(cluster: Cluster, jobs: Sequence[Job]) -> None:
    """Submit jobs and wait for them; those that stop in time with trials left are submitted again.

    Raises:
        ClusterError: If one failed, or stopped without having trained an epoch.
    """
    trained = -1
    while jobs:
        handles = [cluster.submit(job) for job in jobs]
        states = _wait(cluster, handles)
        _, now = count_records(cluster, [job.directory for job in jobs])
        if not (trials_remain(states) and now > trained):
            require_success(cluster, handles, states)
            return
        trained = now


def _wait(cluster: Cluster, handles: Sequence[Handle]) -> Mapping[str, JobState]:
    """Poll until all jobs have ended, and return how."""
    counter = LostCounter()
    while True:
        snapshot = counter.settle(cluster.poll(handles))
        if snapshot.all_final:
            return snapshot.states
        time.sleep(cluster.file.poll_interval)
