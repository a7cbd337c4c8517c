"""How tests reach a site: a cluster file with its SSH alone, a transport to it."""

from __future__ import annotations

from collections.abc import Callable

from nepsbench.cluster import ClusterFile, Limits
from nepsbench.cluster.definition import Ssh
from nepsbench.cluster.ssh import SSHTransport

Open = Callable[[Ssh], SSHTransport]


def as_file(ssh: Ssh) -> ClusterFile:
    return ClusterFile(
        name="site", kind="slurm", ssh=ssh, root="/w", limits=Limits(cpus_per_node=1)
    )
