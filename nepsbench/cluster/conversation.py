"""What is said to a cluster in one visit, and what it answers: plain values, no shell, no SSH.

One visit a tick, whatever the number of jobs. A visit submits, cancels and looks in this order, so
that its snapshot of the queue shows what its own orders did.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from nepsbench.cluster.interface import Job


@dataclass(frozen=True)
class Place:
    """One job of one submission: its token, and its number in the submission, from 0."""

    token: str
    index: int


@dataclass(frozen=True)
class Submission:
    """One call of sbatch: a job, or an array of jobs that ask for the same.

    Attributes:
        token: Unique for ever; the queue knows the submission by the name ``nb-<token>``.
        jobs: By index. More than one makes an array.
        supersedes: Earlier attempts at these jobs, which must never begin to run from now on.
    """

    token: str
    jobs: tuple[Job, ...]
    supersedes: tuple[Place, ...] = ()


@dataclass(frozen=True)
class Target:
    """What to cancel: some indices of a submission, or whatever runs under a job id.

    Attributes:
        token: The submission.
        job_id: As the queue gave it, ``<number>`` or ``<number>;<cluster>``.
        indices: Which jobs of it; empty for all.
    """

    token: str
    job_id: str
    indices: tuple[int, ...] = ()


@dataclass(frozen=True)
class LogTail:
    """A file of which new text is wanted: from ``offset`` on, at most ``limit`` bytes."""

    path: str
    offset: int = 0
    limit: int = 8192


@dataclass(frozen=True)
class Orders:
    """One visit.

    Attributes:
        submit: To be submitted once each: a token that was submitted before is only reported.
        look: Submissions whose answer did not come: tell what became of them, adopt what is there,
            submit nothing.
        cancel: To be stopped; what has ended is no error.
        watch: Tokens whose ends are told.
        since: Only ends written after this time of the cluster's clock; 0 for all.
        account: Job ids that the accounting database is asked about (``sacct``).
        examine: Failed jobs whose last words and signs of memory shortage are wanted, with their
            directories.
        logs: Files to read on.
        facts: Whether to ask for the cluster's limits.
    """

    submit: tuple[Submission, ...] = ()
    look: tuple[Submission, ...] = ()
    cancel: tuple[Target, ...] = ()
    watch: tuple[str, ...] = ()
    since: int = 0
    account: tuple[str, ...] = ()
    examine: tuple[tuple[Place, str], ...] = ()
    logs: tuple[LogTail, ...] = ()
    facts: bool = False


class Verdict(str, Enum):
    """What became of one submission in this visit.

    ``REFUSED`` is for good (bad partition, bad account), ``BUSY`` for now (a limit is reached): in
    both cases no job came to be. ``ABSENT``: looked for in a queue that answered, and not there.
    ``UNKNOWN``: nobody can say; look again later. ``UNTRIED``: the visit had no time left for it.
    """

    ACCEPTED = "accepted"
    REFUSED = "refused"
    BUSY = "busy"
    ABSENT = "absent"
    UNKNOWN = "unknown"
    UNTRIED = "untried"


@dataclass(frozen=True)
class Receipt:
    """The answer to a submission or to a look; ``words`` are the queue's own."""

    verdict: Verdict
    job_id: str = ""
    words: str = ""


@dataclass(frozen=True)
class Row:
    """A line of the queue's list.

    Attributes:
        token: Of the submission.
        job_id: ``<number>`` or ``<number>;<cluster>``; an array's own number, without index.
        indices: Inclusive ranges; ``((0, 0),)`` for a submission of one job.
        state: The queue's word, for example ``PENDING``.
        reason: Why it waits or how it ended.
        node: Where it runs.
        start: When it began, or is expected to begin (ISO 8601, cluster's time), or nothing.
    """

    token: str
    job_id: str
    indices: tuple[tuple[int, int], ...]
    state: str
    reason: str = ""
    node: str = ""
    start: str = ""


@dataclass(frozen=True)
class End:
    """The exit marker of one job: written last, in one step.

    Attributes:
        exit_code: Of its command, the worst of its tasks.
        job_id: Which job of the queue wrote it; without cluster, without index.
        why: ``timeout`` if it was ended at its time limit, ``terminated`` if it was told to end
            before, ``refused`` if it could not even begin, else nothing.
        progress: What the result manifests report (``# progress N``), summed; -1 without any.
        valid: Every result manifest is there, and every file is as its manifest says.
    """

    exit_code: int
    job_id: str
    why: str = ""
    progress: int = -1
    valid: bool = False


@dataclass(frozen=True)
class Finding:
    """What a failed job left: its last words, and whether they speak of too little memory."""

    words: str = ""
    memory: bool = False


@dataclass(frozen=True)
class Account:
    """A row of the accounting database, for one index of a submission.

    Attributes:
        token: From the job's name: an id that was given to another job speaks of that one.
        state: SLURM's word.
        submitted: Seconds since the epoch, to tell a reused id.
    """

    token: str
    index: int
    state: str
    submitted: int


@dataclass(frozen=True)
class Facts:
    """A cluster's limits; None where it does not say. Times in seconds, memory in MB."""

    max_array_size: int | None = None
    max_job_count: int | None = None
    max_submit_jobs: int | None = None
    message_timeout: int | None = None
    max_time: int | None = None
    max_memory_mb_per_node: int | None = None
    accounting: bool = False
    version: str = ""


@dataclass(frozen=True)
class Answer:
    """What came back from a visit, whole.

    Attributes:
        clock: The cluster's time, whole seconds since the epoch.
        rows: The queue's list of this user's jobs of ours; None if the queue did not answer.
        problem: Why it did not.
        receipts: By token, for ``submit`` and ``look``.
        ends: For ``watch``.
        accounts: For ``account``; None if the database did not answer.
        findings: For ``examine``.
        logs: New bytes by path.
        facts: If they were asked for, and told.
    """

    clock: int
    rows: tuple[Row, ...] | None
    problem: str = ""
    receipts: Mapping[str, Receipt] = field(default_factory=dict)
    ends: Mapping[Place, End] = field(default_factory=dict)
    accounts: tuple[Account, ...] | None = None
    findings: Mapping[Place, Finding] = field(default_factory=dict)
    logs: Mapping[str, bytes] = field(default_factory=dict)
    facts: Facts | None = None
