"""Is what was trained all there, and in step? The SQL checks, and what lies on the clusters."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from nepsbench.campaign.collect import collect_wave
from nepsbench.campaign.folder import CampaignFolder
from nepsbench.campaign.form import Campaign
from nepsbench.campaign.repair import Requeued, requeue_offenders
from nepsbench.campaign.survey import Survey, survey
from nepsbench.campaign.wave import existing_plans
from nepsbench.cluster import Cluster, load_cluster, open_cluster
from nepsbench.cluster.ledger import open_ledger
from nepsbench.errors import ClusterError, NepsbenchError, SpecError
from nepsbench.warehouse import open_warehouse
from nepsbench.warehouse.checking import CheckReport, Finding, checkpoint_schema

Say = Callable[[str], None]


@dataclass(frozen=True)
class DataReport:
    """What was found, and what was done about it.

    Attributes:
        name: The benchmark or campaign.
        checks: What every check found, with all offenders.
        damage: What is wrong with journals on the clusters, a line each.
        remarks: What could not be looked at, or may look out of step because it is in flight.
        requeued: The trials that the next run of their wave trains again.
    """

    name: str
    checks: CheckReport
    damage: tuple[str, ...]
    remarks: tuple[str, ...]
    requeued: tuple[Requeued, ...] = ()

    @property
    def is_sound(self) -> bool:
        """True if there is no error, or each is of a trial that is trained again."""
        again = {(item.campaign, item.taskid, item.model_idx) for item in self.requeued}
        left = (
            offender
            for finding in self.checks.errors
            for offender in finding.offenders
            if finding.repair is None
            or (offender.profile, offender.taskid, offender.model_idx) not in again
        )
        return not self.damage and next(left, None) is None

    @property
    def repairable(self) -> tuple[Finding, ...]:
        """The findings that a repair can do something about."""
        return tuple(finding for finding in self.checks.findings if finding.repair)


@dataclass(frozen=True)
class _Scope:
    """What a name stands for: a whole benchmark or one profile of it, and the campaigns here."""

    benchmark: str | None
    profile: str | None
    campaigns: tuple[Campaign, ...]


def verify_data(
    name: str, home: Path, *, repair: bool = False, say: Say = lambda _: None
) -> DataReport:
    """Check a benchmark or a campaign, with its checkpoints and journals where they are in reach.

    Args:
        name: A benchmark of the warehouse, or a campaign.
        home: The data home.
        repair: Collect what the journals have, then queue again every trial that training can put
            right, and remove its checkpoint if that is no good. Nothing else is touched.
        say: Is told what is being done, a line each.

    Raises:
        SpecError: If there is nothing of that name.
        CorruptedFileError: If a file of the warehouse is not what was written.
        ClusterError: If a cluster that a repair needs is out of reach.
        NepsbenchError: If a campaign that is to be repaired is being trained.
    """
    scope = _scope(name, home)
    warehouse = open_warehouse(home)
    warehouse.verify()
    surveys, remarks, requeued = [], [], []
    for campaign in scope.campaigns:
        remarks += _running(campaign, home, forbidden=repair)
        say(f"{campaign.name}: looking at its checkpoints and journals on {campaign.cluster}")
        try:
            with open_cluster(load_cluster(campaign.cluster)) as cluster:
                surveys.append(_look(campaign, home, cluster, collect=repair))
        except (ClusterError, SpecError) as error:
            if repair:
                raise
            remarks.append(f"checkpoints and journals of {campaign.name} were not seen: {error}")
    checkpoints = pa.concat_tables(
        [checkpoint_schema().empty_table(), *(found.checkpoints for found in surveys)]
    )
    checks = warehouse.check(scope.benchmark, scope.profile, checkpoints=checkpoints, shown=None)
    for campaign in scope.campaigns if repair else ():
        with open_cluster(load_cluster(campaign.cluster)) as cluster:
            requeued += requeue_offenders(campaign, checks, checkpoints, home, cluster)
    damage = tuple(line for found in surveys for line in found.damage)
    return DataReport(name, checks, damage, tuple(remarks), tuple(requeued))


def _look(campaign: Campaign, home: Path, cluster: Cluster, *, collect: bool) -> Survey:
    if collect:
        for epochs in campaign.waves:
            if existing_plans(campaign, epochs, home):
                collect_wave(campaign, epochs, home, cluster)
    return survey(campaign, home, cluster)


def _scope(name: str, home: Path) -> _Scope:
    files = open_warehouse(home).commit.files
    profiles = sorted({file.profile for file in files if file.benchmark == name})
    if profiles:
        return _Scope(name, None, tuple(_campaigns(profiles, home)))
    campaigns = tuple(_campaigns([name], home))
    if not campaigns and name not in {file.profile for file in files}:
        known = sorted({file.benchmark for file in files} | {file.profile for file in files})
        raise SpecError(
            f"{home}: there is no benchmark or campaign {name!r}; there are: "
            f"{', '.join(known) or 'none'}"
        )
    return _Scope(None, name, campaigns)


def _campaigns(names: Iterable[str], home: Path) -> Iterable[Campaign]:
    folders = (CampaignFolder(home, name) for name in names)
    return (folder.load() for folder in folders if folder.campaign_file.exists())


def _running(campaign: Campaign, home: Path, *, forbidden: bool) -> list[str]:
    """Return a remark if training of the campaign is under way.

    Raises:
        NepsbenchError: If it is, and that is forbidden.
    """
    is_wave = re.compile(rf"{re.escape(campaign.name)}\.w\d+\.\w+\.\d+").fullmatch
    with open_ledger(home) as ledger:
        open_keys = [key for key in ledger.works(open_only=True) if is_wave(key)]
    if not open_keys:
        return []
    if forbidden:
        raise NepsbenchError(
            f"campaign {campaign.name} is being trained (job {open_keys[0]} is not settled); wait "
            f"for it, or stop it (nepsbench cluster cancel {campaign.cluster}), then repair"
        )
    return [f"{campaign.name} is being trained: what is in flight may look out of step"]
