"""How jobs are run: one small interface over SLURM and over local processes."""

from nepsbench.cluster.attempt import Attempt, Cause, Outcome, Work, describe
from nepsbench.cluster.cluster import Cluster, open_cluster
from nepsbench.cluster.conversation import (
    Account,
    Answer,
    End,
    Facts,
    Finding,
    LogTail,
    Orders,
    Place,
    Receipt,
    Row,
    Submission,
    Target,
    Verdict,
)
from nepsbench.cluster.definition import ClusterFile, Limits, cluster_names, load_cluster
from nepsbench.cluster.driver import Driver
from nepsbench.cluster.interface import Completed, Job, Phase, Queue, Resources, Transport
from nepsbench.cluster.ledger import Ledger, open_ledger
from nepsbench.cluster.queues import open_queue
from nepsbench.cluster.tick import Tick
from nepsbench.cluster.waiting import drive, require_success

__all__ = [
    "Account",
    "Answer",
    "Attempt",
    "Cause",
    "Cluster",
    "ClusterFile",
    "Completed",
    "Driver",
    "End",
    "Facts",
    "Finding",
    "Job",
    "Ledger",
    "Limits",
    "LogTail",
    "Orders",
    "Outcome",
    "Phase",
    "Place",
    "Queue",
    "Receipt",
    "Resources",
    "Row",
    "Submission",
    "Target",
    "Tick",
    "Transport",
    "Verdict",
    "Work",
    "cluster_names",
    "describe",
    "drive",
    "load_cluster",
    "open_cluster",
    "open_ledger",
    "open_queue",
    "require_success",
]
