"""From a poll's answer to states: exit markers first, then the queue, and nothing by absence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nepsbench.cluster import frame
from nepsbench.cluster.interface import Completed, Handle, JobState, Phase, Snapshot

#: SLURM's words (squeue, JOB STATE CODES) and those of the processes queue.
PHASES = {
    "PENDING": Phase.QUEUED,
    "CONFIGURING": Phase.QUEUED,
    "REQUEUED": Phase.QUEUED,
    "REQUEUE_FED": Phase.QUEUED,
    "REQUEUE_HOLD": Phase.QUEUED,
    "SPECIAL_EXIT": Phase.QUEUED,
    "PREEMPTED": Phase.QUEUED,
    "WAITING": Phase.QUEUED,
    "CANCELLED": Phase.CANCELLED,
    "REVOKED": Phase.CANCELLED,
    "FAILED": Phase.FAILED,
    "TIMEOUT": Phase.TIMEOUT,
    "DEADLINE": Phase.TIMEOUT,
    "OUT_OF_MEMORY": Phase.OUT_OF_MEMORY,
    "NODE_FAIL": Phase.NODE_FAILURE,
    "BOOT_FAIL": Phase.NODE_FAILURE,
    "COMPLETED": Phase.MISSING,  # if no marker confirms it
}

#: What an order to cancel may have led to; the workers may well have stopped with exit code 0.
_ENDED = (Phase.SUCCEEDED, Phase.FAILED, Phase.MISSING)


@dataclass(frozen=True)
class _Row:
    state: str
    reason: str
    node: str


@dataclass(frozen=True)
class _Marker:
    """``exit`` is ``<code> <job id> [reason]`` and ``cancel`` a job id; both may be empty."""

    exit: str
    cancel: str


def read_poll(answer: Completed, script: str, handles: Sequence[Handle]) -> Snapshot:
    """Return the states that the answer to the poll ``script`` tells.

    The answer holds ``queue|<id>|<state>|<reason>|<node>`` for what the queue knows, and
    ``marker|<index>|<exit>|<cancel>`` for each handle.
    """
    whole = frame.unwrap(answer, script)
    if whole is None:
        return Snapshot(False, problem=f"the answer was cut short (exit code {answer.exit_code})")
    if whole.exit_code != 0:
        said = " ".join(whole.stderr.split()) or "no message"
        return Snapshot(False, problem=f"the queue did not answer: {said}")
    rows, markers = _parse(whole.stdout)
    if len(markers) != len(handles):
        return Snapshot(False, problem=f"{len(markers)} answers for {len(handles)} jobs")
    states = {
        handle.key: judge(handle, rows.get(bare_id(handle.job_id)), markers[index])
        for index, handle in enumerate(handles)
    }
    return Snapshot(True, states)


def bare_id(job_id: str) -> str:
    """Return the number of ``<number>;<cluster>``."""
    return job_id.partition(";")[0]


def judge(handle: Handle, row: _Row | None, marker: _Marker) -> JobState:
    """Return the state of one job from what the queue and its folder say.

    A marker of another attempt says nothing. A failure marker of a job that the queue still holds
    is that of a run which was preempted and starts again.
    """
    own = bare_id(handle.job_id)
    code, owner, why = ([*marker.exit.split(" ", 2), "", "", ""])[:3]
    exit_code = int(code) if owner == own and code.isdigit() else None
    native = row.state if row else "absent"
    node, reason = (row.node, row.reason) if row else ("", why)
    phase = PHASES.get(native, Phase.ACTIVE) if row else Phase.MISSING
    if exit_code == 0 and phase not in (Phase.OUT_OF_MEMORY, Phase.NODE_FAILURE):
        phase = Phase.SUCCEEDED
    elif exit_code and phase in (Phase.MISSING, Phase.FAILED):
        phase = Phase.TIMEOUT if why == "timeout" else Phase.FAILED
    if phase in _ENDED and marker.cancel.partition(";")[0] == own:
        phase = Phase.CANCELLED
    return JobState(phase, native=native, reason=reason, node=node, exit_code=exit_code)


def _parse(text: str) -> tuple[dict[str, _Row], dict[int, _Marker]]:
    rows: dict[str, _Row] = {}
    markers: dict[int, _Marker] = {}
    for line in text.splitlines():
        kind, *fields = line.split("|")
        if kind == "queue" and len(fields) == 4:
            rows[fields[0]] = _Row(fields[1], fields[2], fields[3])
        elif kind == "marker" and len(fields) == 3 and fields[0].isdigit():
            markers[int(fields[0])] = _Marker(fields[1], fields[2])
    return rows, markers
