"""Stage *wave*, second half: bring the journals home, into the warehouse and to MLflow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nepsbench.campaign.folder import CampaignFolder, RemoteFolder
from nepsbench.campaign.form import Campaign
from nepsbench.campaign.initialize import require_initialized
from nepsbench.campaign.plans import fetch_journals
from nepsbench.campaign.requeue import requeued
from nepsbench.campaign.wave import current_plan, existing_plans
from nepsbench.cluster import Cluster
from nepsbench.sampling import read_profile
from nepsbench.warehouse import IngestReport, open_warehouse
from nepsbench.warehouse.collect import tables_from_journals


@dataclass(frozen=True)
class Collected:
    """What a collection brought.

    Attributes:
        report: What changed in the warehouse.
        outcomes: How many trials of the plan ended how; ``pending`` and ``timeout`` go on later.
    """

    report: IngestReport
    outcomes: Mapping[str, int]

    @property
    def summary(self) -> str:
        """The outcomes in words."""
        return ", ".join(f"{n} {status}" for status, n in self.outcomes.items() if n) or "no trials"


def collect_wave(campaign: Campaign, epochs: int, home: Path, cluster: Cluster) -> Collected:
    """Fetch the wave's journals and ingest them; again, or half-way through a wave, is harmless.

    Raises:
        ClusterError: If a journal is not what its worker left.
        StorageError: If the disk is full; the warehouse keeps what it had.
        ConflictError: If a result contradicts a stored one.
        CorruptedFileError: If a journal is damaged.
    """
    require_initialized(campaign, home)
    folder = CampaignFolder(home, campaign.name)
    wave = current_plan(campaign, epochs, home)
    remote = RemoteFolder(cluster.path(), campaign.name)
    plans = existing_plans(campaign, epochs, home)
    fetched = [fetch_journals(plan, remote, cluster) for plan in plans]
    journals, outcomes = [path for paths, _ in fetched for path in paths], fetched[-1][1]
    profile = read_profile(folder.profile_file)
    trials, rows = tables_from_journals(
        profile.name,
        profile.to_table(),
        journals,
        space=campaign.space,
        dataset=campaign.dataset,
    )
    again = [key for plan in plans for key, kept in requeued(plan.path).items() if kept == 0]
    report = open_warehouse(home).ingest(campaign.benchmark, trials, rows, renewed=again)
    planned = wave.summary["trials"]
    ended = outcomes.total() - outcomes["pending"] - outcomes["timeout"]
    if ended == planned:
        wave.settle()
    outcomes["pending"] += planned - outcomes.total()
    return Collected(report, outcomes)


def track_wave(campaign: Campaign, epochs: int, home: Path, tracking_uri: str) -> int:
    """Write the wave's trials to MLflow, once each, and their run ids to the warehouse.

    Returns:
        How many trials have a run now.
    """
    from nepsbench.tracking import log_wave

    warehouse = open_warehouse(home)
    trials, rows = (
        warehouse.query(
            f"select * from {table} where profile = $profile order by all", profile=campaign.name
        )
        for table in ("trials", "epochs")
    )
    runs = log_wave(
        tracking_uri,
        experiment=campaign.benchmark,
        campaign=campaign.name,
        wave_epochs=epochs,
        trials=trials,
        epochs=rows,
        limit=campaign.mlflow_limit,
    )
    warehouse.set_mlflow_runs(campaign.name, runs)
    return len(runs)
