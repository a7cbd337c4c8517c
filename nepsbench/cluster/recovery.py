"""What follows an attempt that has ended: nothing, or one more that asks for more. Pure.

Each cause has its own budget, so that ten preemptions do not use up the one retry that a mistake in
the program is worth. A time-out after which more is done than before costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from nepsbench.cluster.attempt import Attempt, Cause, Outcome, Work, describe
from nepsbench.cluster.interface import Phase, Resources

#: What a time-out and a shortage of memory multiply.
_MORE_TIME = 2
_MORE_MEMORY = 1.5

Budgets = Mapping[Cause, int]


@dataclass(frozen=True)
class Caps:
    """The most that may be asked for: seconds, and MB of one node; None where nothing is known."""

    time: int | None = None
    memory_mb_per_node: int | None = None


@dataclass(frozen=True)
class Settled:
    """The work is done with."""

    outcome: Outcome
    why: str = ""


@dataclass(frozen=True)
class Again:
    """Another attempt is due."""

    resources: Resources


def next_step(
    work: Work, ended: Sequence[Attempt], budgets: Budgets, caps: Caps
) -> Settled | Again:
    """Return what follows for a work that has no open attempt.

    Args:
        work: The work.
        ended: Its attempts, oldest first. Those of earlier rounds count only if they succeeded.
        budgets: How many failures of a cause are followed by another attempt.
        caps: What the cluster allows.
    """
    if any(attempt.phase is Phase.SUCCEEDED for attempt in ended):
        return Settled(Outcome.SUCCEEDED)
    ended = [attempt for attempt in ended if attempt.round == work.round]
    last = ended[-1] if ended else None
    if not work.wanted:
        return Settled(Outcome.CANCELLED, "given up by its owner")
    if last is None:
        return Again(work.job.resources)
    if last.cause is Cause.REFUSED:
        return Settled(Outcome.FAILED, last.said or "refused")
    if last.cause is Cause.CANCELLED:
        return Settled(Outcome.FAILED, "cancelled on the cluster, by hand or by the site")
    cause = last.cause or Cause.APPLICATION
    spent, budget = _spent(ended, cause), budgets.get(cause, 0)
    if spent > budget:
        return Settled(Outcome.FAILED, _exhausted(last, spent))
    resources = _more(last.resources, cause, caps)
    if cause is Cause.MEMORY and resources == last.resources:
        limit = f"a node of the cluster has {caps.memory_mb_per_node} MB"
        return Settled(Outcome.FAILED, f"{_exhausted(last, spent)}; {limit}")
    return Again(resources)


def _spent(ended: Sequence[Attempt], cause: Cause) -> int:
    """Return how many attempts of the round ended by ``cause``.

    Progress makes good a time-out, and a submission that never reached the queue is a broken line's
    fault, not the job's.
    """
    spent, done = 0, 0
    for attempt in ended:
        excused = (cause is Cause.TIMEOUT and attempt.progress > done) or (
            cause is Cause.LAUNCH and not attempt.job_id
        )
        spent += attempt.cause is cause and not excused
        done = max(done, attempt.progress)
    return spent


def _more(resources: Resources, cause: Cause, caps: Caps) -> Resources:
    if cause is Cause.TIMEOUT:
        wanted = resources.time_limit * _MORE_TIME
        most = max(resources.time_limit, caps.time if caps.time is not None else wanted)
        return replace(resources, time_limit=min(wanted, most))
    if cause is Cause.MEMORY:
        wanted = int(resources.memory_mb * _MORE_MEMORY)
        node = caps.memory_mb_per_node
        share = wanted if node is None else node * resources.nodes // resources.tasks
        return replace(resources, memory_mb=min(wanted, max(resources.memory_mb, share)))
    return resources


def _exhausted(last: Attempt, spent: int) -> str:
    times = "once" if spent == 1 else f"{spent} times"
    said = f": {last.said}" if last.said else ""
    return f"{describe(last)} ({times}){said}"
