"""What to say when all jobs have ended: nothing, or which did not succeed and why."""

from __future__ import annotations

from collections.abc import Mapping

from nepsbench.cluster.interface import JobState, Phase
from nepsbench.errors import ClusterError

#: Exit code of a worker that left trials for later: the time limit or a signal came first.
UNFINISHED = 3
_SHOWN = 3


def require_success(states: Mapping[str, JobState]) -> None:
    """Return if every job succeeded.

    Raises:
        ClusterError: Names the jobs that did not and how each ended.
    """
    failed = {k: s for k, s in states.items() if s.phase is not Phase.SUCCEEDED}
    if not failed:
        return
    shown = "; ".join(f"{key}: {describe(state)}" for key, state in list(failed.items())[:_SHOWN])
    more = f"; and {len(failed) - _SHOWN} more" if len(failed) > _SHOWN else ""
    raise ClusterError(
        f"{len(failed)} of {len(states)} jobs did not succeed: {shown}{more}; "
        "run the stage again: it goes on from the checkpoints"
    )


def describe(state: JobState) -> str:
    """Return a state in words."""
    if state.exit_code == UNFINISHED:
        return f"{state.phase.value}, trials are left for later"
    parts = [state.phase.value]
    if state.exit_code is not None:
        parts.append(f"exit code {state.exit_code}")
    if state.reason and state.reason != "None":
        parts.append(state.reason)
    if state.node:
        parts.append(f"on {state.node}")
    return ", ".join(parts)
