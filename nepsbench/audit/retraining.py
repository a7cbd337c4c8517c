"""Training an audit's sample again, as the jobs of a wave are: planned, sent, fetched.

In a folder of the audit's own on the cluster, so that no checkpoint of the first training is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa

from nepsbench.audit.sample import Audit, Part
from nepsbench.campaign.folder import RemoteFolder
from nepsbench.campaign.plans import PlannedWave, fetch_journals, limits_of, send_jobs
from nepsbench.cluster import Cluster, ClusterFile, Job
from nepsbench.errors import NepsbenchError
from nepsbench.scheduling.plan import Plan, plan
from nepsbench.scheduling.writing import write_plan
from nepsbench.spaces.parameters import FloatArray
from nepsbench.warehouse.collect import tables_from_journals

#: Seconds an epoch, where nothing was measured.
_UNKNOWN = 60.0
#: MB that a worker is given at least, and what it gets beyond what was measured.
_LEAST_MEMORY, _MORE_MEMORY = 1000.0, 1.25


def remote_folder(audit: Audit, cluster: Cluster) -> RemoteFolder:
    """Return the audit's folder on a cluster."""
    return RemoteFolder(cluster.path(), audit.id, "audits")


def plan_audit(audit: Audit, cluster: ClusterFile) -> list[str]:
    """Plan every part that is not planned yet; returns what to think about, a line each.

    Raises:
        NepsbenchError: If a trial fits no job of the cluster.
    """
    for part, planned in planned_parts(audit):
        if (planned.path / "plan.json").exists():
            continue
        made = _plan(part, cluster)
        if len(made.remainder):
            raise NepsbenchError(
                f"{audit.id}: {len(made.remainder)} of its trials fit no job on cluster "
                f"{cluster.name}; raise memory_mb_per_node in its file"
            )
        write_plan(made, part.trials, planned.path)
    return [warning for _, planned in planned_parts(audit) for warning in planned.warnings]


def planned_parts(audit: Audit) -> Iterator[tuple[Part, PlannedWave]]:
    """Yield each part with its plan, made or not."""
    for part in audit.parts:
        yield part, PlannedWave(audit.id, part.epochs, audit.path / f"part-{part.number:02}")


def is_trained(audit: Audit) -> bool:
    """Return whether every trial has been trained again and fetched."""
    return all(planned.is_settled for _, planned in planned_parts(audit))


def audit_jobs(audit: Audit, cluster: Cluster) -> list[Job]:
    """Send the input of every job that is left and return the jobs.

    Raises:
        ClusterError: If the cluster cannot be reached.
        VersionMismatchError: If it has another version of nepsbench.
    """
    remote, jobs = remote_folder(audit, cluster), []
    for part, planned in planned_parts(audit):
        if planned.is_settled:
            continue
        task = {
            "campaign": part.profile,
            "benchmark": audit.about["benchmark"],
            "space": part.space,
            "dataset": part.dataset,
            "dataset_version": part.dataset_version,
            "recipe": part.recipe.partition("/")[0],
            # Two profiles may have trials of one key; each has checkpoints of its own.
            "campaign_directory": f"{remote.path}/{part.profile}",
            "datasets_directory": remote.datasets,
        }
        jobs += send_jobs(planned, remote, task, cluster)
    return jobs


def fetch_audit(audit: Audit, cluster: Cluster) -> None:
    """Bring home what the jobs wrote, and note which parts are whole.

    Raises:
        ClusterError: If a journal is not what its worker left.
        StorageError: If the disk is full.
    """
    for part, planned in planned_parts(audit):
        if not planned.is_settled:
            _, outcomes = fetch_journals(planned, remote_folder(audit, cluster), cluster)
            left = outcomes["pending"] + outcomes["timeout"]
            if outcomes.total() == part.rows.num_rows and not left:
                planned.settle()


def trained_tables(part: Part, planned: PlannedWave) -> tuple[pa.Table, pa.Table]:
    """Return trials and epochs of a part, as its journals tell them.

    Raises:
        CorruptedFileError: If a journal is damaged.
        ConflictError: If an epoch was trained twice, with different results.
    """
    journals = sorted(planned.path.glob("job-*/results/*.journal"))
    return tables_from_journals(
        part.profile, part.trials, journals, space=part.space, dataset=part.dataset
    )


def _plan(part: Part, cluster: ClusterFile) -> Plan:
    seconds = _numbers(part.rows["seconds_per_epoch"], _UNKNOWN) * part.epochs
    memory = np.maximum(_numbers(part.rows["memory"], 0.0) * _MORE_MEMORY, _LEAST_MEMORY)
    limits = limits_of(cluster, cpus=1)
    made = plan(seconds, limits, memory_mb=memory)
    if len(made.remainder):
        # More jobs than run at the same time: they stand in line.
        made = plan(seconds, replace(limits, max_jobs=part.rows.num_rows), memory_mb=memory)
    return made


def _numbers(column: pa.ChunkedArray, missing: float) -> FloatArray:
    return np.asarray(column.fill_null(missing), dtype=np.float64)
