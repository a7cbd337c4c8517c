"""How jobs are run: one small interface over SLURM and over local processes."""

from nepsbench.cluster.cluster import Cluster, open_cluster
from nepsbench.cluster.definition import ClusterFile, Limits, cluster_names, load_cluster
from nepsbench.cluster.interface import (
    Completed,
    Handle,
    Job,
    JobState,
    Phase,
    Queue,
    Resources,
    Snapshot,
    Transport,
)
from nepsbench.cluster.lost import LostCounter
from nepsbench.cluster.queues import open_queue

__all__ = [
    "Cluster",
    "ClusterFile",
    "Completed",
    "Handle",
    "Job",
    "JobState",
    "Limits",
    "LostCounter",
    "Phase",
    "Queue",
    "Resources",
    "Snapshot",
    "Transport",
    "cluster_names",
    "load_cluster",
    "open_cluster",
    "open_queue",
]
