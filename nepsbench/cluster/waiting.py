"""What to do when all jobs of a stage have ended: go on, submit again, or say what failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nepsbench.cluster.cluster import Cluster
from nepsbench.cluster.interface import Handle, JobState, Phase
from nepsbench.errors import ClusterError
from nepsbench.schema import TRIALS_REMAIN

_SHOWN = 3


def trials_remain(states: Mapping[str, JobState]) -> bool:
    """Return True if no job failed, but some stopped in good order with trials left to train."""
    codes = {s.exit_code for s in states.values() if s.phase is not Phase.SUCCEEDED}
    return codes == {TRIALS_REMAIN}


def require_success(
    cluster: Cluster, handles: Sequence[Handle], states: Mapping[str, JobState]
) -> None:
    """Return if every job succeeded.

    Raises:
        ClusterError: Names jobs that did not, how each ended, and the last thing that it said.
    """
    failed = [h for h in handles if states[h.key].phase is not Phase.SUCCEEDED]
    if not failed:
        return
    shown = "; ".join(_obituary(cluster, h, states[h.key]) for h in failed[:_SHOWN])
    more = f"; and {len(failed) - _SHOWN} more" if len(failed) > _SHOWN else ""
    raise ClusterError(
        f"{len(failed)} of {len(states)} jobs did not succeed: {shown}{more}; "
        "mend the cause and run the stage again: what is done stays done"
    )


def _obituary(cluster: Cluster, handle: Handle, state: JobState) -> str:
    said = cluster.last_words(handle)
    ending = f"{handle.key}: {describe(state)}"
    return f"{ending}: {said} ({handle.directory}/stderr)" if said else ending


def describe(state: JobState) -> str:
    """Return a state in words."""
    if state.exit_code == TRIALS_REMAIN:
        return "stopped in time, trials are left for later"
    parts = [state.phase.value]
    if state.exit_code is not None:
        parts.append(f"exit code {state.exit_code}")
    if state.reason and state.reason != "None":
        parts.append(state.reason)
    if state.node:
        parts.append(f"on {state.node}")
    return ", ".join(parts)
