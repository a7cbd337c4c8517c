"""A plan on disk: what it says, its jobs on a cluster, and what they bring home.

A plan trains a list of trials up to an epoch. Waves of a campaign are made of plans, and audits.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from nepsbench.campaign.arrival import fetch_results
from nepsbench.campaign.folder import RemoteFolder
from nepsbench.cluster import Cluster, ClusterFile, Job, Resources
from nepsbench.cluster.install import require_same_version
from nepsbench.files import write_text
from nepsbench.scheduling import Limits
from nepsbench.training.job import manifest_name


@dataclass(frozen=True)
class PlannedWave:
    """A plan on disk: a folder with ``plan.json`` and one folder a job.

    Attributes:
        campaign: The name of the campaign or the audit that it is of.
        epochs: The epoch that its trials are trained up to.
        path: The plan's folder in the data home.
    """

    campaign: str
    epochs: int
    path: Path

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


def limits_of(cluster: ClusterFile, *, cpus: int) -> Limits:
    """Return what a plan for this cluster must stay within; ``cpus`` is what a worker is given."""
    return Limits(
        nodes=cluster.limits.max_nodes,
        cpus_per_node=cluster.limits.cpus_per_node,
        cpus_per_worker=cpus,
        memory_mb_per_node=cluster.limits.memory_mb_per_node,
        time_limit=cluster.limits.max_time,
        max_jobs=cluster.limits.max_jobs,
    )


def send_jobs(
    wave: PlannedWave, remote: RemoteFolder, task: Mapping[str, Any], cluster: Cluster
) -> list[Job]:
    """Send every job's input to the cluster and return the jobs, longest first.

    Args:
        wave: The plan.
        remote: The folder on the cluster that the jobs get theirs in.
        task: What ``job.json`` says to the workers, but for their target and time limit.
        cluster: Where to.

    Raises:
        ClusterError: If the cluster cannot be reached.
        VersionMismatchError: If it has another version of nepsbench.
    """
    require_same_version(cluster)
    jobs, files = [], []
    for folder, planned in zip(wave.job_folders(), wave.summary["jobs"], strict=True):
        job = planned_job(wave, remote, folder, planned, cluster)
        limits = {"target_epochs": wave.epochs, "time_limit": job.resources.time_limit}
        write_text(folder / "job.json", json.dumps({**task, **limits}, indent=1))
        names = ("job.json", "portfolios.jsonl")
        files += [(folder / name, f"{job.directory}/{name}") for name in names]
        jobs.append(job)
    cluster.put_files(files)
    return jobs


def planned_job(
    wave: PlannedWave,
    remote: RemoteFolder,
    folder: Path,
    planned: Mapping[str, Any],
    cluster: Cluster,
) -> Job:
    """Return the job of a plan's folder, whose entry in ``plan.json`` is ``planned``."""
    key = wave.job_key(folder)
    directory = remote.job(key)
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


def fetch_journals(
    wave: PlannedWave, remote: RemoteFolder, cluster: Cluster
) -> tuple[list[Path], Counter[str]]:
    """Fetch the journals of every job of the plan, and count outcomes by their manifests.

    Raises:
        ClusterError: If a journal is not what its worker left.
        StorageError: If the disk is full.
    """
    journals: list[Path] = []
    outcomes: Counter[str] = Counter()
    for folder in wave.job_folders():
        directory = remote.job(wave.job_key(folder))
        arrival = fetch_results(cluster, directory, "results/*.journal", folder)
        journals += arrival.files
        outcomes.update(arrival.outcomes)
    return journals, outcomes
