"""Queue again exactly those trials whose data training can put right."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from nepsbench.campaign.folder import RemoteFolder
from nepsbench.campaign.form import Campaign
from nepsbench.campaign.requeue import Key, requeue
from nepsbench.campaign.wave import next_plan
from nepsbench.cluster import Cluster
from nepsbench.cluster.shell import words
from nepsbench.errors import ClusterError
from nepsbench.warehouse import open_warehouse
from nepsbench.warehouse.checking import CheckReport

#: What a trial ends with by itself; the others are trained on by the next run of their wave.
_ENDED = ("complete", "diverged", "failed", "oom")
#: Names in one script: what a script may hold without growing past what a login node likes.
_BATCH = 500


@dataclass(frozen=True)
class Requeued:
    """A trial that the next run of a wave trains again.

    Attributes:
        campaign: The campaign.
        taskid: The bit-stream.
        model_idx: The draw in it.
        wave: The wave's milestone in epochs.
        epochs: What it keeps: training goes on behind that epoch; 0 is the start.
    """

    campaign: str
    taskid: int
    model_idx: int
    wave: int
    epochs: int

    def __str__(self) -> str:
        start = f"from the checkpoint of epoch {self.epochs}" if self.epochs else "from the start"
        named = f"{self.campaign} taskid {self.taskid} model_idx {self.model_idx}"
        return f"{named}: trained again by the next run of wave {self.wave}, {start}"


def requeue_offenders(
    campaign: Campaign, checks: CheckReport, checkpoints: pa.Table, home: Path, cluster: Cluster
) -> list[Requeued]:
    """Queue a campaign's offenders again, and remove checkpoints that are no good.

    Trials that have not come to an end are in the plan of their wave already; of these only the
    checkpoint is removed.

    Args:
        campaign: The campaign.
        checks: All offenders of every check.
        checkpoints: What the survey found.
        home: The data home.
        cluster: The campaign's.

    Raises:
        ClusterError: If a checkpoint cannot be removed; the same again goes on from there.
        StorageError: If the disk is full.
    """
    kept = _kept(campaign, checks, checkpoints)
    found = []
    for (taskid, model_idx), (wave, ended) in _waves(campaign, kept, home).items():
        item = Requeued(campaign.name, taskid, model_idx, wave, kept[taskid, model_idx])
        found.append((item, ended))
    waves: dict[int, dict[Key, int]] = defaultdict(dict)
    for item, ended in found:
        if ended:
            waves[item.wave][item.taskid, item.model_idx] = item.epochs
    for wave, trials in waves.items():
        requeue(next_plan(campaign, wave, home), trials)
    remote = RemoteFolder(cluster.path(), campaign.name)
    _remove(cluster, [remote.checkpoint(*key) for key, epochs in kept.items() if epochs == 0])
    return [item for item, _ in found]


def _kept(campaign: Campaign, checks: CheckReport, checkpoints: pa.Table) -> dict[Key, int]:
    """Return how many epochs each trial keeps that training puts right."""
    names = ("profile", "taskid", "model_idx", "epoch")
    rows = zip(*(checkpoints[name].to_pylist() for name in names), strict=True)
    known = {
        (taskid, model_idx): epoch for p, taskid, model_idx, epoch in rows if p == campaign.name
    }
    kept: dict[Key, int] = {}
    for finding in checks.findings:
        if finding.repair not in ("start", "checkpoint"):
            continue
        for offender in finding.offenders:
            if offender.profile == campaign.name:
                key = (offender.taskid, offender.model_idx)
                epochs = known[key] if finding.repair == "checkpoint" else 0
                kept[key] = min(epochs, kept.get(key, epochs))
    return kept


def _waves(campaign: Campaign, keys: Iterable[Key], home: Path) -> dict[Key, tuple[int, bool]]:
    """Return the wave that each trial is of, and whether it has come to an end in it."""
    query = "SELECT taskid, model_idx, target_epochs, status FROM trials WHERE profile = $profile"
    wanted = set(keys)
    return {
        (row["taskid"], row["model_idx"]): (row["target_epochs"], row["status"] in _ENDED)
        for row in open_warehouse(home).query(query, profile=campaign.name).to_pylist()
        if (row["taskid"], row["model_idx"]) in wanted
    }


def _remove(cluster: Cluster, paths: Sequence[str]) -> None:
    for start in range(0, len(paths), _BATCH):
        answer = cluster.run(f"rm -f -- {words(paths[start : start + _BATCH])}")
        if answer.exit_code != 0:
            raise ClusterError(
                f"cluster {cluster.file.name}: a checkpoint cannot be removed: "
                f"{' '.join(answer.stderr.split())}; remove it there, then repair again"
            )
