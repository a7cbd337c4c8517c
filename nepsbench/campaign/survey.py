"""What a campaign's folder on its cluster holds: asked for as a job, and brought home."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from nepsbench.campaign.arrival import fetch_results
from nepsbench.campaign.folder import RemoteFolder
from nepsbench.campaign.form import Campaign
from nepsbench.campaign.run import run_jobs
from nepsbench.cluster import Cluster, Job, Resources
from nepsbench.cluster.install import require_same_version
from nepsbench.errors import ClusterError
from nepsbench.training.job import SURVEY, SURVEY_MANIFEST
from nepsbench.warehouse.checking import checkpoint_schema

_HOURS = 4


@dataclass(frozen=True)
class Survey:
    """What was found.

    Attributes:
        checkpoints: See ``nepsbench.warehouse.checking.checkpoint_schema``.
        damage: What is wrong with journals there, a line each.
    """

    checkpoints: pa.Table
    damage: tuple[str, ...]


def survey(campaign: Campaign, home: Path, cluster: Cluster) -> Survey:
    """Look at every checkpoint and journal of a campaign, by a job on its cluster.

    Raises:
        ClusterError: If the cluster cannot be reached, or the job did not succeed.
        VersionMismatchError: If it has another version of nepsbench.
    """
    job = survey_job(campaign, cluster)
    run_jobs(cluster, [job], home)
    with TemporaryDirectory(prefix="nepsbench-") as place:
        here = Path(place)
        if here / SURVEY not in fetch_results(cluster, job.directory, SURVEY, here).proven:
            raise ClusterError(f"{job.directory}: no proven {SURVEY}; run the command again")
        found = json.loads((here / SURVEY).read_text())
    return Survey(_as_table(campaign, found["trials"]), tuple(found["damage"]))


def survey_job(campaign: Campaign, cluster: Cluster) -> Job:
    """Return the job; a new one each time, for what it looks at changes."""
    require_same_version(cluster)
    remote = RemoteFolder(cluster.path(), campaign.name)
    key = f"{campaign.name}.survey.{uuid.uuid4().hex[:8]}"
    directory = remote.job(key)
    command = ("verify", "survey-here", remote.path, "--job", directory)
    return Job(
        key=key,
        directory=directory,
        command=cluster.python_command("-m", "nepsbench", *command),
        resources=Resources(
            memory_mb=2000, time_limit=min(_HOURS * 3600, cluster.file.limits.max_time)
        ),
        manifests=(SURVEY_MANIFEST,),
    )


def _as_table(campaign: Campaign, rows: list[dict[str, Any]]) -> pa.Table:
    owner = {"benchmark": campaign.benchmark, "profile": campaign.name}
    return pa.Table.from_pylist([{**owner, **row} for row in rows], schema=checkpoint_schema())
