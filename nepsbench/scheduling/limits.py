"""What a plan must stay within: nodes, CPUs, memory and time of each job, and how many jobs."""

from __future__ import annotations

from dataclasses import dataclass

from nepsbench.cluster.warning import stop_time
from nepsbench.errors import SpecError


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits of each job, and how careful a plan is with runtimes.

    Attributes:
        nodes: Most nodes of one job.
        cpus_per_node: CPUs of a node.
        cpus_per_worker: CPUs that one worker is given.
        memory_mb_per_node: Memory of a node, or None where memory is no limit.
        memory_mb_per_worker: Memory that one worker is given; None means the most that any of its
            trials needs.
        time_limit: Longest wall time of a job, in seconds.
        max_jobs: Most jobs of the plan.
        cutoff: Predicted utilisation below which a plan is worth a warning.
        margin: Factor on every predicted runtime, against estimates that are too short. No less
            than a worker's own: it begins an epoch only if 1.25 times the longest so far fits.
        startup: Seconds a worker needs before its first trial.
    """

    nodes: int = 1
    cpus_per_node: int = 1
    cpus_per_worker: int = 1
    memory_mb_per_node: float | None = None
    memory_mb_per_worker: float | None = None
    time_limit: int = 2 * 24 * 3600
    max_jobs: int = 1
    cutoff: float = 0.8
    margin: float = 1.25
    startup: float = 60.0

    def __post_init__(self) -> None:
        """Refuse limits that no job can keep."""
        for name in ("nodes", "cpus_per_node", "cpus_per_worker", "time_limit", "max_jobs"):
            if getattr(self, name) < 1:
                raise SpecError(f"limits: {name}={getattr(self, name)}; give at least 1")
        if self.margin < 1 or self.startup < 0:
            raise SpecError("limits: margin must be at least 1 and startup at least 0 seconds")
        if self.cpus_per_worker > self.cpus_per_node:
            raise SpecError(
                f"limits: a worker of {self.cpus_per_worker} CPUs fits no node of "
                f"{self.cpus_per_node}; lower cpus_per_worker"
            )
        if (self.memory_mb_per_worker or 0) > (self.memory_mb_per_node or float("inf")):
            raise SpecError(
                f"limits: a worker of {self.memory_mb_per_worker:g} MB fits no node of "
                f"{self.memory_mb_per_node:g} MB; lower memory_mb_per_worker"
            )
        if self.capacity <= 0:
            raise SpecError(
                f"limits: a time limit of {self.time_limit} s leaves no time for training after "
                f"{self.startup:g} s of start-up; raise time_limit"
            )

    @property
    def capacity(self) -> float:
        """Seconds of predicted training that fit one worker before it is told to stop.

        Start-up and margin are taken off.
        """
        return (stop_time(self.time_limit) - self.startup) / self.margin

    def workers_per_node(self, memory_mb: float = 0.0) -> int:
        """Return how many workers of ``memory_mb`` fit a node, by CPUs and by memory."""
        workers = self.cpus_per_node // self.cpus_per_worker
        if self.memory_mb_per_node is not None and memory_mb > 0:
            workers = min(workers, int(self.memory_mb_per_node // memory_mb))
        return workers
