"""Worker portfolios and jobs: which trials each worker of each job trains, and what a job asks for.

The steps: trials onto workers (:mod:`nepsbench.scheduling.assignment`), workers onto nodes, nodes
onto jobs, and then each job cut down to what its own workers need.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nepsbench.cluster.interface import Resources
from nepsbench.cluster.warning import time_limit_for
from nepsbench.errors import SpecError
from nepsbench.scheduling.assignment import (
    TOLERANCE,
    IntArray,
    even_out,
    loads_of,
    longest_first,
    lower_bound,
)
from nepsbench.scheduling.limits import Limits
from nepsbench.spaces.parameters import FloatArray

_GROWTH = 1.25


@dataclass(frozen=True)
class PlannedJob:
    """One job: its workers' portfolios and what it asks the cluster for.

    Attributes:
        portfolios: For each worker the indices of its trials, in the order it trains them.
        seconds: Predicted training time of each worker, shape (workers,).
        resources: Nodes, tasks (one a worker), CPUs, memory and the clipped time limit.
    """

    portfolios: tuple[IntArray, ...]
    seconds: FloatArray
    resources: Resources

    @property
    def trials(self) -> int:
        """How many trials the job trains."""
        return sum(len(portfolio) for portfolio in self.portfolios)

    @property
    def longest(self) -> float:
        """Predicted training seconds of the job's busiest worker."""
        return float(self.seconds.max())


@dataclass(frozen=True)
class Plan:
    """Jobs, what is predicted of them, and the trials that none of them can take.

    Attributes:
        jobs: Longest first.
        remainder: Indices of trials that fit no job: the time or the memory does not suffice.
        partial: Indices of trials longer than a job may last. Each has a worker of its own, trains
            as far as the job lasts, and goes on from its checkpoint in a later plan.
        bound: A makespan that no plan of these trials within the limits can beat, in seconds.
        limits: What the plan was made for.
    """

    jobs: tuple[PlannedJob, ...]
    remainder: IntArray
    partial: IntArray
    bound: float
    limits: Limits

    @property
    def workers(self) -> int:
        """How many workers all jobs have together."""
        return sum(len(job.portfolios) for job in self.jobs)

    @property
    def trials(self) -> int:
        """How many trials the jobs train."""
        return sum(job.trials for job in self.jobs)

    @property
    def makespan(self) -> float:
        """Predicted training seconds of the busiest worker."""
        return max((job.longest for job in self.jobs), default=0.0)

    @property
    def cpu_hours(self) -> float:
        """Predicted CPU hours of training."""
        seconds = sum(float(job.seconds.sum()) for job in self.jobs)
        return seconds * self.limits.cpus_per_worker / 3600

    @property
    def reserved_cpu_hours(self) -> float:
        """CPU hours of the jobs' nodes for as long as each is predicted to train."""
        seconds = sum(job.resources.nodes * job.longest for job in self.jobs)
        return seconds * self.limits.cpus_per_node / 3600

    @property
    def utilisation(self) -> float:
        """Predicted share of the reserved CPU hours that trains; whole nodes are reserved."""
        return self.cpu_hours / self.reserved_cpu_hours if self.reserved_cpu_hours else 1.0


def plan(seconds: FloatArray, limits: Limits, *, memory_mb: FloatArray | None = None) -> Plan:
    """Bundle trials into worker portfolios and jobs within ``limits``.

    Longest trials first. No more workers are used than shorten the makespan: a plan that ends
    when its longest trial ends would only waste CPU hours on more of them. Equal input gives an
    equal plan.

    Args:
        seconds: Remaining training seconds of each trial, shape (trials,).
        limits: What each job must stay within.
        memory_mb: Memory that each trial needs, shape (trials,).

    Raises:
        SpecError: If a runtime is negative or missing.
    """
    seconds = np.asarray(seconds, dtype=np.float64)
    _check(seconds)
    needs = np.zeros(len(seconds)) if memory_mb is None else np.asarray(memory_mb, np.float64)
    fits = needs <= _memory_limit(limits)
    worker_memory = limits.memory_mb_per_worker or float(needs[fits].max(initial=0.0))
    per_node = limits.workers_per_node(worker_memory)
    candidates = np.flatnonzero(fits)
    lengths = np.minimum(seconds[candidates], limits.capacity)
    slots = min(limits.max_jobs * limits.nodes * per_node, len(candidates))
    assigned, workers = _assign(lengths, slots, limits.capacity)
    jobs = _jobs(candidates, lengths, assigned, workers, limits, per_node, worker_memory)
    left = np.concatenate([np.flatnonzero(~fits), candidates[assigned < 0]])
    placed = candidates[assigned >= 0]
    return Plan(
        jobs=jobs,
        remainder=np.sort(left),
        partial=placed[seconds[placed] > limits.capacity],
        bound=lower_bound(lengths[assigned >= 0], max(slots, 1)),
        limits=limits,
    )


def _check(seconds: FloatArray) -> None:
    wrong = np.flatnonzero(~(np.isfinite(seconds) & (seconds >= 0)))
    if len(wrong):
        raise SpecError(
            f"trial {wrong[0]} has a runtime of {seconds[wrong[0]]} s; "
            "give every trial a number of seconds, estimated if not measured"
        )


def _memory_limit(limits: Limits) -> float:
    """Return the most memory that a trial may need: a worker's, and never more than a node's."""
    return min(limits.memory_mb_per_worker or math.inf, limits.memory_mb_per_node or math.inf)


def _assign(lengths: FloatArray, slots: int, capacity: float) -> tuple[IntArray, int]:
    """Return each trial's worker and the number of workers: the fewest that are known to do.

    Starts with as many workers as the work would fill in the time of its longest trial, and adds
    some as long as that leaves trials over or makes the plan end late.
    """
    if slots == 0:
        return np.full(len(lengths), -1, dtype=np.int64), 0
    longest = float(lengths.max())
    workers = min(slots, math.ceil(float(lengths.sum()) / longest)) if longest > 0 else 1
    while True:
        assigned = longest_first(lengths, workers, capacity=capacity)
        assigned = even_out(lengths, assigned, workers)
        makespan = float(loads_of(lengths, assigned, workers).max())
        late = makespan > lower_bound(lengths, slots) * (1 + TOLERANCE)
        if workers == slots or not (late or (assigned < 0).any()):
            return assigned, workers
        workers = min(slots, math.ceil(workers * _GROWTH))


def _jobs(
    candidates: IntArray,
    lengths: FloatArray,
    assigned: IntArray,
    workers: int,
    limits: Limits,
    per_node: int,
    memory_mb: float,
) -> tuple[PlannedJob, ...]:
    """Group workers of like load into nodes and jobs; workers without a trial are dropped."""
    loads = loads_of(lengths, assigned, workers)
    counts = np.bincount(assigned[assigned >= 0], minlength=workers)
    order = np.argsort(-loads, kind="stable")
    order = order[counts[order] > 0]
    rank = np.full(workers + 1, workers, dtype=np.int64)  # the last entry is for the unassigned
    rank[order] = np.arange(len(order))
    trials = np.lexsort((-lengths, rank[assigned]))[: int(counts.sum())]
    portfolios = np.split(candidates[trials], np.cumsum(counts[order])[:-1])
    size = limits.nodes * per_node
    return tuple(
        PlannedJob(
            portfolios=tuple(portfolios[start : start + size]),
            seconds=loads[order[start : start + size]],
            resources=_resources(loads[order[start : start + size]], limits, per_node, memory_mb),
        )
        for start in range(0, len(order), size)
    )


def _resources(seconds: FloatArray, limits: Limits, per_node: int, memory_mb: float) -> Resources:
    """Return what a job with these workers asks for: its time limit in whole minutes."""
    needed = time_limit_for(limits.startup + limits.margin * float(seconds.max()))
    return Resources(
        nodes=math.ceil(len(seconds) / per_node),
        tasks=len(seconds),
        cpus_per_task=limits.cpus_per_worker,
        memory_mb=math.ceil(memory_mb) or Resources.memory_mb,
        time_limit=min(limits.time_limit, math.ceil(needed / 60) * 60),
    )
