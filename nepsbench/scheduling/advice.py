"""What a person should think about before a plan is submitted."""

from __future__ import annotations

from nepsbench.scheduling.estimate import Estimate
from nepsbench.scheduling.limits import Limits
from nepsbench.scheduling.plan import Plan


def advice(plan: Plan, estimate: Estimate, *, asked: Limits) -> tuple[str, ...]:
    """Return a line for everything that may waste or lack CPU hours; none for a good plan.

    Args:
        plan: The plan.
        estimate: What its runtimes come from.
        asked: The limits that were asked for; the plan's own margin may be higher.
    """
    lines = []
    if plan.utilisation < asked.cutoff:
        lines.append(
            f"predicted utilisation {plan.utilisation:.0%} is below {asked.cutoff:.0%}; "
            "give fewer or smaller nodes, more memory, or more trials"
        )
    if len(plan.remainder):
        lines.append(
            f"{len(plan.remainder):,} trials fit no job and stand in remainder.parquet; raise "
            "nodes, max-jobs, time-limit or memory, or plan again after these jobs"
        )
    if len(plan.partial):
        lines.append(
            f"{len(plan.partial):,} trials are longer than a job may last; they stop at the "
            "time limit and go on from their checkpoints when planned again"
        )
    if plan.limits.margin > asked.margin:
        lines.append(
            f"one estimated runtime in twenty is more than {estimate.tail:.2f} times too short; "
            f"planned with this margin instead of {asked.margin:g}"
        )
    return tuple(lines)
