"""Kept weights of a campaign: which there are, and fetching them, one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nepsbench.campaign.folder import CampaignFolder, RemoteFolder
from nepsbench.cluster import Cluster
from nepsbench.errors import ClusterError, CorruptedFileError
from nepsbench.files import sha256_of
from nepsbench.kept import kept_in, weights_path
from nepsbench.warehouse import open_warehouse


@dataclass(frozen=True)
class KeptWeights:
    """Weights that a worker kept.

    Attributes:
        taskid: Of the trial.
        model_idx: Of the trial.
        config_id: Its configuration's.
        epoch: After which they were kept.
        sha256: Of the file, which is named after it.
        path: Where the file lies here, once it was fetched.
    """

    taskid: int
    model_idx: int
    config_id: str
    epoch: int
    sha256: str
    path: Path

    @property
    def is_here(self) -> bool:
        """True if they were fetched."""
        return self.path.is_file()


def list_weights(name: str, home: Path) -> Iterator[KeptWeights]:
    """Yield what the warehouse knows of the kept weights of a campaign, by trial and epoch."""
    folder = CampaignFolder(home, name).path
    rows = open_warehouse(home).query(
        "select taskid, model_idx, config_id, kept_weights from trials "
        "where profile = $profile and kept_weights is not null order by taskid, model_idx",
        profile=name,
    )
    for row in rows.to_pylist():
        for epoch, digest in kept_in(row.pop("kept_weights")).items():
            path = folder / weights_path(digest)
            yield KeptWeights(**row, epoch=epoch, sha256=digest, path=path)


def fetch_weights(weights: KeptWeights, name: str, home: Path, cluster: Cluster) -> Path:
    """Fetch one file of weights, unless it is here and sound; return its path.

    Raises:
        ClusterError: If the cluster does not have it.
        CorruptedFileError: If it is not what the worker kept.
        StorageError: If the disk is full.
    """
    if weights.is_here and sha256_of(weights.path) == weights.sha256:
        return weights.path
    weights.path.unlink(missing_ok=True)
    remote = RemoteFolder(cluster.path(), name)
    file = weights_path(weights.sha256)
    if not cluster.fetch(remote.path, file, CampaignFolder(home, name).path):
        raise ClusterError(
            f"{remote.path}/{file}: not on cluster {cluster.file.name}; if it was deleted there, "
            "train the trial again"
        )
    if sha256_of(weights.path) != weights.sha256:
        weights.path.unlink()
        raise CorruptedFileError(
            f"{remote.path}/{file} on cluster {cluster.file.name}: damaged (its SHA-256 is not its "
            "name); delete it there and train the trial again"
        )
    return weights.path
