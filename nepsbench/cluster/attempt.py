"""What is wanted, and each attempt at it: two records that the ledger keeps.

A *work* is a job that somebody wants done. An *attempt* is one submission of it. Works are written
by whoever wants something, attempts only by the driver; so neither overwrites the other's word.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from nepsbench.cluster.conversation import Place
from nepsbench.cluster.interface import Job, Phase, Resources


class Cause(str, Enum):
    """Why an attempt did not succeed; each has a budget of its own."""

    APPLICATION = "application"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    PREEMPTION = "preemption"
    NODE = "node"
    LAUNCH = "launch"
    LOST = "lost"
    CANCELLED = "cancelled"
    REFUSED = "refused"


class Outcome(str, Enum):
    """What became of a work."""

    OPEN = "open"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Work:
    """A job that somebody wants done.

    Attributes:
        key: The job's key.
        cluster: Where.
        job: What.
        owner: Who waits for it; the last one who asked.
        wanted: False once its owner gave it up: then its attempts are to be cancelled.
        round: Counts from 1 how often it was asked for anew after it had failed or was given up;
            each round has fresh budgets.
        outcome: ``OPEN`` until it is settled.
        why: In words, unless it succeeded.
    """

    key: str
    cluster: str
    job: Job
    owner: str
    wanted: bool = True
    round: int = 1
    outcome: Outcome = Outcome.OPEN
    why: str = ""


@dataclass(frozen=True)
class Attempt:
    """One submission of a job. Times in seconds since the epoch, of this machine's clock.

    Attributes:
        key: The job's key.
        generation: Counts the job's attempts from 1.
        round: The round of the work that it belongs to.
        place: Token and index under which the cluster knows it.
        resources: What it asks for.
        phase: What is known of it.
        job_id: The queue's number for its submission, once known: ``<number>[;<cluster>]``.
        native: The queue's own word.
        reason: Why it waits or how it ended, in the queue's words.
        node: Where it runs or ran.
        start: When it began, or is expected to begin, in the queue's words.
        exit_code: Of its script, if that ended by itself.
        cause: Why it did not succeed, once it has ended.
        progress: How much is done, as its result manifests say; -1 if they say nothing.
        misses: Healthy snapshots in a row that told nothing of it.
        since: When its phase or native state changed last.
        sent: When its submission began.
        ended: When it was found to have ended; 0 before.
        said: Its own last words, or those of a queue that refused it.
    """

    key: str
    generation: int
    round: int
    place: Place
    resources: Resources
    phase: Phase = Phase.SENT
    job_id: str = ""
    native: str = ""
    reason: str = ""
    node: str = ""
    start: str = ""
    exit_code: int | None = None
    cause: Cause | None = None
    progress: int = -1
    misses: int = 0
    since: float = 0.0
    sent: float = 0.0
    ended: float = 0.0
    said: str = ""

    @property
    def is_open(self) -> bool:
        """True until it has ended."""
        return not self.phase.is_final


def describe(attempt: Attempt) -> str:
    """Return how an attempt stands, in one line for people."""
    parts = [attempt.phase.value]
    if attempt.exit_code is not None:
        parts.append(f"exit code {attempt.exit_code}")
    if attempt.cause is not None and attempt.cause.value != attempt.phase.value:
        parts.append(f"cause {attempt.cause.value}")
    if attempt.native and attempt.native.lower() != attempt.phase.value:
        parts.append(attempt.native)
    if attempt.reason and attempt.reason != "None":
        parts.append(attempt.reason)
    if attempt.node:
        parts.append(f"on {attempt.node}")
    if attempt.phase is Phase.QUEUED and attempt.start:
        parts.append(f"expected to start {attempt.start}")
    return ", ".join(parts)
