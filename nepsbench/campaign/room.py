"""Room on the disks, asked for before a wave: a full disk costs the hours of all its workers."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

from nepsbench.campaign.folder import RemoteFolder
from nepsbench.campaign.plans import PlannedWave
from nepsbench.cluster import Cluster
from nepsbench.errors import StorageError

#: Bytes that stay free beside what a wave needs: journals, logs, other campaigns.
MARGIN = 500 * 10**6
#: Bytes of an epoch's record in a journal and in the tables, generously.
_RECORD = 4_000
#: A checkpoint is written beside the one that it replaces.
_COPIES = 2


def require_room(wave: PlannedWave, remote: RemoteFolder, home: Path, cluster: Cluster) -> None:
    """Refuse a wave whose results would not fit, here or on the cluster.

    On the cluster, a trial will need what the campaign's checkpoints need now, on average; before
    there are any, only the margin is asked for.

    Raises:
        StorageError: Says where, how much there is, and what to do.
        ClusterError: If the cluster cannot be reached.
    """
    trials = int(wave.summary["trials"])
    records = trials * wave.epochs * _RECORD
    _require(shutil.disk_usage(home).free, records + MARGIN, wave, f"in {home}")
    free, used, files = _measured(remote, cluster)
    checkpoint = used // files if files else 0
    needed = trials * checkpoint * _COPIES + records + MARGIN
    _require(free, needed, wave, f"below {remote.path} on the cluster")


def _require(free: int, needed: int, wave: PlannedWave, where: str) -> None:
    if free < needed:
        raise StorageError(
            f"wave {wave.epochs} of {wave.campaign}: needs about {needed / 1e6:,.0f} MB {where}, "
            f"where {free / 1e6:,.0f} MB are free; free space there (older campaigns, kept "
            "weights), then run the stage again"
        )


def _measured(remote: RemoteFolder, cluster: Cluster) -> tuple[int, int, int]:
    """Return free bytes below the cluster's root, and bytes and number of checkpoints there."""
    root, checkpoints = shlex.quote(remote.root), shlex.quote(f"{remote.path}/checkpoints")
    script = (
        f"df -Pk {root} | awk 'NR == 2 {{print $4}}'\n"
        f"{{ du -sk {checkpoints} 2>/dev/null || echo 0; }} | awk '{{print $1}}'\n"
        f"find {checkpoints} -type f 2>/dev/null | wc -l"
    )
    free, used, files = (int(line) for line in cluster.run(script).stdout.split())
    return free * 1024, used * 1024, files
