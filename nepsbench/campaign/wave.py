"""Stage *wave*, first half: plan one pass over the profile, and turn the plan into jobs.

A plan is made once and kept until all its trials are settled, so that a task that is cleared or
retried finds the jobs it submitted. Only then may the same wave be planned anew, for trials that
are still (or again) to be trained.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from nepsbench.campaign.folder import CampaignFolder, RemoteFolder
from nepsbench.campaign.form import Campaign
from nepsbench.campaign.initialize import require_initialized
from nepsbench.cluster import Cluster, ClusterFile, Job, Resources
from nepsbench.cluster.install import require_same_version
from nepsbench.errors import NepsbenchError
from nepsbench.files import write_text
from nepsbench.sampling import Profile, read_profile
from nepsbench.scheduling import Limits
from nepsbench.scheduling.measured import align
from nepsbench.scheduling.wave import WavePlan, plan_wave
from nepsbench.training.job import manifest_name
from nepsbench.warehouse import open_warehouse


@dataclass(frozen=True)
class PlannedWave:
    """A wave's plan on disk: a folder with ``plan.json`` and one folder a job.

    Attributes:
        campaign: The campaign's name.
        epochs: The wave's milestone.
        path: The plan's folder in the data home.
    """

    campaign: str
    epochs: int
    path: Path

    @property
    def home(self) -> Path:
        """The data home that it lies in."""
        return self.path.parents[4]

    @property
    def summary(self) -> dict[str, Any]:
        """What ``plan.json`` says."""
        content: dict[str, Any] = json.loads((self.path / "plan.json").read_text())
        return content

    @property
    def warnings(self) -> list[str]:
        """What to think about before the jobs are submitted, a line each."""
        found: list[str] = self.summary.get("warnings", [])
        return found

    @property
    def is_settled(self) -> bool:
        """True if every trial of the plan was collected with its outcome."""
        return (self.path / "settled").exists()

    def settle(self) -> None:
        """Say so."""
        write_text(self.path / "settled", "")

    def job_folders(self) -> list[Path]:
        """Return the folder of each job, in the plan's order."""
        return [self.path / job["folder"] for job in self.summary["jobs"]]

    def job_key(self, folder: Path) -> str:
        """Return a job's key: it holds a hash of the portfolios, so it can mean nothing else."""
        digest = sha256(str(self.path.name).encode() + (folder / "portfolios.jsonl").read_bytes())
        number = folder.name.removeprefix("job-")
        return f"{self.campaign}.w{self.epochs:03}.{digest.hexdigest()[:8]}.{number}"


def ensure_plan(campaign: Campaign, epochs: int, home: Path, cluster: ClusterFile) -> PlannedWave:
    """Return the wave's unsettled plan, or make one for all trials that still need training.

    The cluster file's ``max_jobs`` says how many jobs may run at the same time; where more are
    needed, the others stand in line.

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
    path = CampaignFolder(home, campaign.name).wave(epochs) / f"plan-{len(plans) + 1:02}"
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
    limits = Limits(
        nodes=cluster.limits.max_nodes,
        cpus_per_node=cluster.limits.cpus_per_node,
        cpus_per_worker=profile.spec.needs.cpus,
        memory_mb_per_node=cluster.limits.memory_mb_per_node,
        time_limit=cluster.limits.max_time,
        max_jobs=cluster.limits.max_jobs,
    )
    known = align(measured, profile)
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


def wave_jobs(campaign: Campaign, wave: PlannedWave, cluster: Cluster) -> list[Job]:
    """Send every job's input to the cluster and return the jobs, longest first.

    Raises:
        NepsbenchError: If the campaign is not initialized.
        ClusterError: If the cluster cannot be reached.
        VersionMismatchError: If it has another version of nepsbench.
    """
    if wave.is_settled:
        return []
    require_same_version(cluster)
    dataset_version = require_initialized(campaign, wave.home)["dataset_version"]
    jobs, files = [], []
    for folder, planned in zip(wave.job_folders(), wave.summary["jobs"], strict=True):
        job = _job(wave, folder, planned, cluster)
        task = _task(campaign, wave, job, dataset_version, cluster)
        write_text(folder / "job.json", json.dumps(task, indent=1))
        names = ("job.json", "portfolios.jsonl")
        files += [(folder / name, f"{job.directory}/{name}") for name in names]
        jobs.append(job)
    cluster.put_files(files)
    return jobs


def _job(wave: PlannedWave, folder: Path, planned: dict[str, Any], cluster: Cluster) -> Job:
    """Return the job of a plan's folder, whose entry in ``plan.json`` is ``planned``."""
    key = wave.job_key(folder)
    directory = RemoteFolder(cluster.path(), wave.campaign).job(key)
    resources = Resources(**{n: planned[n] for n in Resources.__dataclass_fields__ if n in planned})
    if cluster.file.kind == "local":
        # A short limit helps a job through a queue; here it could only stop it.
        resources = replace(resources, time_limit=cluster.file.limits.max_time)
    return Job(
        key=key,
        directory=directory,
        command=cluster.python_command("-m", "nepsbench", "worker", "run", "--job", directory),
        resources=resources,
        manifests=tuple(manifest_name(worker) for worker in range(resources.tasks)),
    )


def _task(
    campaign: Campaign, wave: PlannedWave, job: Job, dataset_version: str, cluster: Cluster
) -> dict[str, Any]:
    """Return what ``job.json`` says to the workers."""
    remote = RemoteFolder(cluster.path(), campaign.name)
    return {
        "campaign": campaign.name,
        "benchmark": campaign.benchmark,
        "space": campaign.space,
        "dataset": campaign.dataset,
        "dataset_version": dataset_version,
        "recipe": campaign.recipe,
        "target_epochs": wave.epochs,
        "time_limit": job.resources.time_limit,
        "campaign_directory": remote.path,
        "datasets_directory": remote.datasets,
        "keep_weights": campaign.keep_weights,
    }


def first_unfinished_wave(campaign: Campaign, home: Path) -> int:
    """Return the milestone of the first wave with trials to train, or of the last wave."""
    unfinished = (e for e in campaign.waves if not _is_finished(campaign, e, home))
    return next(unfinished, campaign.waves[-1])


def has_unfinished_wave(campaign: Campaign, home: Path) -> bool:
    """Return whether a wave of the campaign still has trials to train."""
    return not all(_is_finished(campaign, epochs, home) for epochs in campaign.waves)


def _is_finished(campaign: Campaign, epochs: int, home: Path) -> bool:
    plans = existing_plans(campaign, epochs, home)
    return bool(plans) and plans[-1].is_settled
