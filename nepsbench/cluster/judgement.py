"""The state machine of one attempt: from what was seen in one visit to what is known. Pure.

The ladder of truth: the exit marker first, then the queue, then the accounting database, and
nothing by absence alone. Success needs a marker with code 0 and result manifests that hold; no
other road leads there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from nepsbench.cluster.attempt import Attempt, Cause
from nepsbench.cluster.conversation import Account, End, Finding, Receipt, Row, Verdict
from nepsbench.cluster.interface import Phase
from nepsbench.schema import TRIALS_REMAIN

_QUEUED = frozenset(
    {
        "PENDING",
        "CONFIGURING",
        "REQUEUED",
        "REQUEUE_FED",
        "REQUEUE_HOLD",
        "SPECIAL_EXIT",
        "PREEMPTED",
        "WAITING",
    }
)
#: How SLURM's words for an end are read when there is no exit marker.
_ENDS = {
    "COMPLETED": (Phase.FAILED, Cause.LAUNCH),
    "FAILED": (Phase.FAILED, Cause.LAUNCH),
    "CANCELLED": (Phase.CANCELLED, Cause.CANCELLED),
    "REVOKED": (Phase.CANCELLED, Cause.CANCELLED),
    "TIMEOUT": (Phase.TIMEOUT, Cause.TIMEOUT),
    "DEADLINE": (Phase.TIMEOUT, Cause.TIMEOUT),
    "OUT_OF_MEMORY": (Phase.OUT_OF_MEMORY, Cause.MEMORY),
    "NODE_FAIL": (Phase.NODE_FAILURE, Cause.NODE),
    "BOOT_FAIL": (Phase.NODE_FAILURE, Cause.NODE),
    "PREEMPTED": (Phase.FAILED, Cause.PREEMPTION),
}
#: Why a job waits that can never begin, in SLURM's words; sbatch takes some of these requests.
_HOPELESS = frozenset({"BadConstraints", "PartitionTimeLimit", "PartitionNodeLimit"})
#: Seconds for which that must last.
_HOPE = 60.0
#: Seconds that a preempted job has to come back to the queue.
_REQUEUE_PATIENCE = 300.0
#: Our word for an index that waited and is gone, while the queue still has its array: SLURM leaves
#: no row of one that is cancelled before it begins.
_DROPPED = "CANCELLED"
#: Looks that must agree before anything but a marker counts.
_LOOKS = 2
_LOST_LOOKS = 3


@dataclass(frozen=True)
class Patience:
    """How long silence is no news, in seconds.

    Attributes:
        lost: From the first snapshot that lacks a job until it counts as lost.
        sent: From the beginning of a submission until a job that is not found was never made;
            longer than any command that is still under way can last.
        stray: That a running job may outlive its attempt: its last line is written before it is
            gone.
    """

    lost: float = 30.0
    sent: float = 90.0
    stray: float = 30.0


@dataclass(frozen=True)
class Sight:
    """What one visit showed of one attempt.

    Attributes:
        healthy: The queue answered.
        rows: Its lines for this attempt; more than one if a duplicate exists.
        end: Its exit marker.
        receipt: Of its submission, or of a look for it.
        account: What the accounting database says.
        finding: What it left, if that was asked for.
        wanted: Whether anybody still wants it.
        siblings: The queue lists other jobs of the same submission.
    """

    healthy: bool
    rows: tuple[Row, ...] = ()
    end: End | None = None
    receipt: Receipt | None = None
    account: Account | None = None
    finding: Finding | None = None
    wanted: bool = True
    siblings: bool = False


@dataclass(frozen=True)
class Judgement:
    """What is known after a visit.

    Attributes:
        attempt: The attempt as it stands now.
        examine: It has ended badly; its last words are to be asked for before it is closed.
        withdrawn: It provably never came to be: strike it, nothing was tried.
    """

    attempt: Attempt
    examine: bool = False
    withdrawn: bool = False


def is_alive(state: str) -> bool:
    """Return True if a job in this state of the queue may still run; unknown states may."""
    return state not in _ENDS


def is_waiting(state: str) -> bool:
    """Return True if a job in this state of the queue has not begun, or is to begin again."""
    return state in _QUEUED


def judge(attempt: Attempt, sight: Sight, now: float, patience: Patience) -> Judgement:
    """Return what is known of an open attempt after ``sight``."""
    if attempt.phase is Phase.SENT and sight.end is None:
        judgement = _judge_sent(attempt, sight, now, patience)
        if judgement.attempt.phase is Phase.SENT or not judgement.attempt.is_open:
            return judgement
        attempt = judgement.attempt
    row = _choose(attempt, sight.rows)
    alive = row is not None and is_alive(row.state)
    if sight.end is not None and _is_proof(sight.end):
        return _success(attempt, sight.end, row, now)
    if not sight.healthy:
        return Judgement(attempt)
    if row is not None and (alive or _may_come_back(attempt, row, now)):
        return _living(attempt, row, now)
    if sight.end is not None:
        return _by_marker(attempt, sight, sight.end, row, now)
    if row is not None:
        return _by_queue(attempt, sight, row, now)
    return _by_absence(attempt, sight, now, patience)


def _judge_sent(attempt: Attempt, sight: Sight, now: float, patience: Patience) -> Judgement:
    """Return what the receipt of a submission, or of a look for it, makes of it."""
    receipt = sight.receipt
    if receipt is None or receipt.verdict is Verdict.UNKNOWN:
        return Judgement(attempt)
    if receipt.verdict is Verdict.ACCEPTED:
        queued = replace(attempt, phase=Phase.QUEUED, job_id=receipt.job_id, misses=0, since=now)
        return Judgement(queued)
    if receipt.verdict in (Verdict.BUSY, Verdict.UNTRIED):
        return Judgement(replace(attempt, said=receipt.words), withdrawn=True)
    if receipt.verdict is Verdict.REFUSED:
        refused = replace(attempt, said=receipt.words)
        return Judgement(_closed(refused, Phase.REFUSED, Cause.REFUSED, now))
    missed = replace(attempt, misses=attempt.misses + 1)
    if missed.misses < _LOOKS or now - attempt.sent < patience.sent:
        return Judgement(missed)
    if not sight.wanted:
        return Judgement(_closed(missed, Phase.CANCELLED, Cause.CANCELLED, now))
    return Judgement(_closed(missed, Phase.LOST, Cause.LAUNCH, now))


def _choose(attempt: Attempt, rows: tuple[Row, ...]) -> Row | None:
    """Return the row that speaks for the attempt: one that lives, and rather its own."""

    def rank(row: Row) -> tuple[bool, bool, bool]:
        return (not is_alive(row.state), is_waiting(row.state), row.job_id != attempt.job_id)

    return min(rows, key=rank, default=None)


def _is_proof(end: End) -> bool:
    return end.exit_code == 0 and end.valid


def _may_come_back(attempt: Attempt, row: Row, now: float) -> bool:
    """Return True while a preempted job may still be put back into the queue."""
    fresh = attempt.native != "PREEMPTED" or now - attempt.since < _REQUEUE_PATIENCE
    return row.state == "PREEMPTED" and fresh


def _success(attempt: Attempt, end: End, row: Row | None, now: float) -> Judgement:
    known = _with_row(attempt, row) if row else attempt
    known = replace(known, exit_code=0, progress=end.progress, reason="", said="")
    if not known.job_id:
        known = replace(known, job_id=end.job_id)
    closed = _closed(replace(known, misses=0), Phase.SUCCEEDED, None, now)
    return Judgement(closed)


def _living(attempt: Attempt, row: Row, now: float) -> Judgement:
    phase = Phase.QUEUED if is_waiting(row.state) else Phase.ACTIVE
    changed = (phase, row.state) != (attempt.phase, attempt.native)
    known = replace(_with_row(attempt, row), phase=phase, misses=0)
    known = replace(known, since=now) if changed else known
    if row.reason in _HOPELESS and phase is Phase.QUEUED and now - known.since >= _HOPE:
        # Its row is a stray from now on, which the driver cancels.
        words = f"SLURM can never start it: {row.reason}; ask for what its partition has"
        return Judgement(_closed(replace(known, said=words), Phase.REFUSED, Cause.REFUSED, now))
    return Judgement(known)


def _with_row(attempt: Attempt, row: Row) -> Attempt:
    return replace(
        attempt,
        job_id=row.job_id,
        native=row.state,
        reason="" if row.reason == "None" else row.reason,
        node=row.node or attempt.node,
        start=row.start,
    )


def _by_marker(attempt: Attempt, sight: Sight, end: End, row: Row | None, now: float) -> Judgement:
    """Judge a job that wrote its exit marker and lives no more."""
    known = _with_row(attempt, row) if row else attempt
    known = replace(
        known,
        exit_code=end.exit_code,
        progress=end.progress,
        job_id=known.job_id or end.job_id,
        reason=end.why if row is None else known.reason,
    )
    if not sight.wanted or (row is not None and row.state == "CANCELLED"):
        return Judgement(_closed(known, Phase.CANCELLED, Cause.CANCELLED, now))
    if end.exit_code == TRIALS_REMAIN:
        told = end.why == "terminated" or (row is not None and row.state == "PREEMPTED")
        cause = Cause.PREEMPTION if told else Cause.TIMEOUT
        return Judgement(_closed(known, Phase.STOPPED, cause, now))
    if sight.finding is None:
        return Judgement(attempt, examine=True)
    known = replace(known, said=sight.finding.words)
    phase, cause = _explain(sight.finding, end, row)
    return Judgement(_closed(known, phase, cause, now))


def _explain(finding: Finding, end: End, row: Row | None) -> tuple[Phase, Cause]:
    """Return how a marker of failure is to be read beside the queue's last word."""
    if finding.memory or (row is not None and row.state == "OUT_OF_MEMORY"):
        return Phase.OUT_OF_MEMORY, Cause.MEMORY
    if end.why == "timeout" or (row is not None and row.state in ("TIMEOUT", "DEADLINE")):
        return Phase.TIMEOUT, Cause.TIMEOUT
    if row is not None and row.state in ("NODE_FAIL", "BOOT_FAIL", "PREEMPTED"):
        return _ENDS[row.state]
    if end.why == "refused":
        return Phase.FAILED, Cause.LAUNCH
    if end.why == "terminated":
        # Told to end, and the queue has forgotten by whom: a node that was drained, a preemption.
        return Phase.FAILED, Cause.PREEMPTION
    return Phase.FAILED, Cause.APPLICATION


def _by_queue(attempt: Attempt, sight: Sight, row: Row, now: float) -> Judgement:
    """Judge a job that the queue calls ended and that left no marker: look twice."""
    known = replace(_with_row(attempt, row), misses=attempt.misses + 1)
    if known.misses < _LOOKS:
        return Judgement(known)
    phase, cause = _ENDS[row.state]
    if not sight.wanted:
        return Judgement(_closed(known, Phase.CANCELLED, Cause.CANCELLED, now))
    if cause is Cause.CANCELLED:
        return Judgement(_closed(known, phase, cause, now))
    if sight.finding is None:
        return Judgement(known, examine=True)
    known = replace(known, said=sight.finding.words)
    if sight.finding.memory and cause is Cause.LAUNCH:
        phase, cause = Phase.OUT_OF_MEMORY, Cause.MEMORY
    return Judgement(_closed(known, phase, cause, now))


def _by_absence(attempt: Attempt, sight: Sight, now: float, patience: Patience) -> Judgement:
    """Judge a job of which neither queue nor folder tells anything."""
    first = attempt.phase is not Phase.MISSING
    dropped = first and attempt.phase is Phase.QUEUED and sight.siblings
    known = replace(
        attempt,
        phase=Phase.MISSING,
        native=_DROPPED if dropped else attempt.native,
        misses=1 if first else attempt.misses + 1,
        since=now if first else attempt.since,
    )
    if known.misses >= _LOOKS and (known.native == _DROPPED or not sight.wanted):
        return Judgement(_closed(known, Phase.CANCELLED, Cause.CANCELLED, now))
    if known.misses < _LOST_LOOKS or now - known.since < patience.lost:
        return Judgement(known)
    if sight.finding is None:
        return Judgement(known, examine=True)
    known = replace(known, said=sight.finding.words)
    if sight.account is not None and sight.account.state in _ENDS:
        phase, cause = _ENDS[sight.account.state]
        return Judgement(_closed(replace(known, native=sight.account.state), phase, cause, now))
    if sight.finding.memory:
        return Judgement(_closed(known, Phase.OUT_OF_MEMORY, Cause.MEMORY, now))
    if attempt.native == "PREEMPTED":
        return Judgement(_closed(known, Phase.LOST, Cause.PREEMPTION, now))
    return Judgement(_closed(known, Phase.LOST, Cause.LOST, now))


def _closed(attempt: Attempt, phase: Phase, cause: Cause | None, now: float) -> Attempt:
    # What the queue said while it lived is no word about its end.
    native = "" if is_alive(attempt.native) else attempt.native
    return replace(attempt, phase=phase, cause=cause, native=native, since=now, ended=now)
