"""Stage *wave*, first half: plan one pass over the profile, and turn the plan into jobs.

A plan is made once and kept until all its trials are settled, so that a task that is cleared or
retried finds the jobs it submitted. Only then may the same wave be planned anew, for trials that
are still (or again) to be trained.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from nepsbench.campaign.folder import CampaignFolder, RemoteFolder
from nepsbench.campaign.form import Campaign
from nepsbench.campaign.initialize import require_initialized
from nepsbench.campaign.plans import PlannedWave, limits_of, send_jobs
from nepsbench.campaign.promotion import leave_out, promoted
from nepsbench.campaign.requeue import requeued
from nepsbench.campaign.room import require_room
from nepsbench.cluster import Cluster, ClusterFile, Job
from nepsbench.errors import NepsbenchError
from nepsbench.sampling import Profile, read_profile
from nepsbench.scheduling.measured import align, set_back
from nepsbench.scheduling.wave import WavePlan, plan_wave
from nepsbench.warehouse import open_warehouse


def ensure_plan(campaign: Campaign, epochs: int, home: Path, cluster: ClusterFile) -> PlannedWave:
    """Return the wave's unsettled plan, or make one for all trials that still need training.

    Trials that were queued again (``nepsbench.campaign.requeue``) are among them. The cluster
    file's ``max_jobs`` says how many jobs may run at the same time; where more are needed, the
    others stand in line.

    Raises:
        NepsbenchError: If the campaign is not initialized, or a trial fits no job.
    """
    require_initialized(campaign, home)
    plans = existing_plans(campaign, epochs, home)
    if plans and not plans[-1].is_settled:
        return plans[-1]
    profile = read_profile(CampaignFolder(home, campaign.name).profile_file)
    planned = _plan(campaign, profile, epochs, home, cluster)
    if plans and not planned.rows.num_rows:
        return plans[-1]
    path = next_plan(campaign, epochs, home)
    if len(planned.plan.remainder):
        raise NepsbenchError(
            f"wave {epochs} of {campaign.name}: {len(planned.plan.remainder)} of its trials fit no "
            f"job on cluster {cluster.name}; raise memory_mb_per_node in its file, or lower the "
            "profile's memory_mb"
        )
    planned.write(path)
    wave = PlannedWave(campaign.name, epochs, path)
    if not planned.plan.jobs:
        wave.settle()
    return wave


def _plan(
    campaign: Campaign, profile: Profile, epochs: int, home: Path, cluster: ClusterFile
) -> WavePlan:
    measured = open_warehouse(home).seconds_per_epoch(
        profile.name, retry_failed=campaign.retry_failed
    )
    limits = limits_of(cluster, cpus=profile.spec.needs.cpus)
    again = requeued(next_plan(campaign, epochs, home))
    chosen = promoted(campaign, profile, epochs, home)
    known = leave_out(set_back(align(measured, profile), profile, again), chosen)
    while True:
        planned = plan_wave(profile, limits, epochs=epochs, measured=known)
        if not len(planned.plan.remainder) or limits.max_jobs > len(profile):
            return planned
        limits = replace(limits, max_jobs=2 * limits.max_jobs)


def existing_plans(campaign: Campaign, epochs: int, home: Path) -> list[PlannedWave]:
    """Return the wave's plans, oldest first."""
    wave = CampaignFolder(home, campaign.name).wave(epochs)
    return [
        PlannedWave(campaign.name, epochs, path.parent)
        for path in sorted(wave.glob("plan-*/plan.json"))
    ]


def next_plan(campaign: Campaign, epochs: int, home: Path) -> Path:
    """Return the folder of the plan that the wave will get next."""
    number = len(existing_plans(campaign, epochs, home)) + 1
    return CampaignFolder(home, campaign.name).wave(epochs) / f"plan-{number:02}"


def current_plan(campaign: Campaign, epochs: int, home: Path) -> PlannedWave:
    """Return the wave's newest plan.

    Raises:
        NepsbenchError: If the wave was never planned.
    """
    plans = existing_plans(campaign, epochs, home)
    if not plans:
        raise NepsbenchError(
            f"wave {epochs} of {campaign.name} has no plan; run its plan stage first"
        )
    return plans[-1]


def wave_jobs(campaign: Campaign, wave: PlannedWave, home: Path, cluster: Cluster) -> list[Job]:
    """Send every job's input to the cluster and return the jobs, longest first.

    Raises:
        NepsbenchError: If the campaign is not initialized.
        StorageError: If the results would not fit on a disk.
        ClusterError: If the cluster cannot be reached.
        VersionMismatchError: If it has another version of nepsbench.
    """
    if wave.is_settled:
        return []
    remote = RemoteFolder(cluster.path(), campaign.name)
    require_room(wave, remote, home, cluster)
    task = {
        "campaign": campaign.name,
        "benchmark": campaign.benchmark,
        "space": campaign.space,
        "dataset": campaign.dataset,
        "dataset_version": require_initialized(campaign, home)["dataset_version"],
        "recipe": campaign.recipe,
        "campaign_directory": remote.path,
        "datasets_directory": remote.datasets,
        "keep_weights": campaign.keep_weights,
    }
    return send_jobs(wave, remote, task, cluster)


def first_unfinished_wave(campaign: Campaign, home: Path) -> int:
    """Return the milestone of the first wave with trials to train, or of the last wave."""
    unfinished = (e for e in campaign.waves if not _is_finished(campaign, e, home))
    return next(unfinished, campaign.waves[-1])


def has_unfinished_wave(campaign: Campaign, home: Path) -> bool:
    """Return whether a wave of the campaign still has trials to train."""
    return not all(_is_finished(campaign, epochs, home) for epochs in campaign.waves)


def _is_finished(campaign: Campaign, epochs: int, home: Path) -> bool:
    plans = existing_plans(campaign, epochs, home)
    again = requeued(next_plan(campaign, epochs, home))
    return bool(plans) and plans[-1].is_settled and not again
