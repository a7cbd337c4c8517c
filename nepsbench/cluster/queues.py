"""The queue of a cluster: SLURM, or plain processes with a number of slots."""

from __future__ import annotations

from nepsbench.cluster.definition import ClusterFile
from nepsbench.cluster.interface import Queue
from nepsbench.cluster.processes import ProcessesQueue
from nepsbench.cluster.script import setup_text
from nepsbench.cluster.slurm import SlurmQueue

__all__ = ["open_queue", "setup_text"]


def open_queue(cluster: ClusterFile) -> Queue:
    """Return the queue of a cluster."""
    return SlurmQueue(cluster) if cluster.kind == "slurm" else ProcessesQueue(cluster)
