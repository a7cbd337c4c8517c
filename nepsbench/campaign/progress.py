"""How far a campaign is: counted from the workers' journals, wherever they are."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nepsbench.campaign.folder import CampaignFolder, RemoteFolder
from nepsbench.campaign.form import Campaign
from nepsbench.campaign.wave import existing_plans
from nepsbench.cluster import Cluster
from nepsbench.sampling import read_profile


@dataclass(frozen=True)
class Progress:
    """Of the wave that was planned last.

    Attributes:
        wave: Its milestone, 0 before the first plan.
        trials: Trials of the profile.
        planned: Trials of the wave's plan.
        left: Trials that a worker has left, with whatever outcome.
        epochs: Epochs trained in this wave.
        settled: True if the wave was collected whole.
    """

    wave: int
    trials: int
    planned: int
    left: int
    epochs: int
    settled: bool


def campaign_progress(campaign: Campaign, home: Path, cluster: Cluster) -> Progress:
    """Return how far the campaign is, by one command on the cluster."""
    trials = len(read_profile(CampaignFolder(home, campaign.name).profile_file))
    plans = [plan for epochs in campaign.waves for plan in existing_plans(campaign, epochs, home)]
    if not plans:
        return Progress(0, trials, 0, 0, 0, False)
    wave = plans[-1]
    remote = RemoteFolder(cluster.path(), campaign.name)
    keys = [wave.job_key(folder) for folder in wave.job_folders()]
    left, epochs = count_records(cluster, [remote.job(key) for key in keys])
    planned = wave.summary["trials"]
    return Progress(wave.epochs, trials, planned, min(left, planned), epochs, wave.is_settled)


def count_records(cluster: Cluster, directories: Sequence[str]) -> tuple[int, int]:
    """Return the numbers of trial and epoch records in the journals of these jobs."""
    if not directories:
        return 0, 0
    folders = " ".join(f"{shlex.quote(directory)}/results" for directory in directories)
    counts = [
        f"grep -rhoF --include='*.journal' '{{\"kind\":\"{kind}\"' {folders} 2>/dev/null | wc -l"
        for kind in ("trial", "epoch")
    ]
    left, epochs = cluster.run("\n".join(counts)).stdout.split()
    return int(left), int(epochs)
