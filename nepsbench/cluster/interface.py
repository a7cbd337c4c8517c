"""What every cluster can do: run scripts, move files, and submit, poll and cancel jobs.

A cluster is a *transport* (how a script and a file get there) and a *queue* (what to say there).
Queues are pure: they write shell text and read its answer, so they are tested as text and the same
text serves a synchronous task and an asynchronous trigger. Transports hold all the effects.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Protocol

from nepsbench.errors import SpecError

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Phase(str, Enum):
    """Where a job is, in words that every queue shares.

    ``SUCCEEDED`` says that every task ended with exit code 0, which a worker that was told to stop
    early does, too: what it did stands in its results.

    ``MISSING`` is what one poll says of a job that is neither in the queue nor has left an exit
    marker. It is no outcome: only :class:`~nepsbench.cluster.lost.LostCounter` makes it ``LOST``.
    """

    QUEUED = "queued"
    ACTIVE = "active"
    MISSING = "missing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    NODE_FAILURE = "node_failure"
    LOST = "lost"

    @property
    def is_final(self) -> bool:
        """True if the job will not change its phase any more."""
        return self not in (Phase.QUEUED, Phase.ACTIVE, Phase.MISSING)


@dataclass(frozen=True)
class Resources:
    """What a job asks for. Times in seconds, memory in MB for each task."""

    nodes: int = 1
    tasks: int = 1
    cpus_per_task: int = 1
    memory_mb: int = 1000
    time_limit: int = 3600


@dataclass(frozen=True)
class Job:
    """One submission.

    Attributes:
        key: Unique for ever, and safe in file names and job names: ``[A-Za-z0-9._-]+``.
        directory: Its folder on the cluster, absolute. Input lies there before submission.
        command: What each task runs; the task's number is in ``NEPSBENCH_WORKER``.
        resources: What it asks for.
    """

    key: str
    directory: str
    command: tuple[str, ...]
    resources: Resources

    def __post_init__(self) -> None:
        if not _KEY.fullmatch(self.key):
            raise SpecError(
                f"job key {self.key!r}: use letters, digits, dots, hyphens and underscores only"
            )
        if not self.directory.startswith("/"):
            raise SpecError(f"job {self.key}: directory {self.directory!r} must be absolute")


@dataclass(frozen=True)
class Handle:
    """A submitted job: enough to poll, cancel or adopt it from any process."""

    key: str
    directory: str
    job_id: str


@dataclass(frozen=True)
class JobState:
    """What a healthy poll said of one job.

    Attributes:
        phase: The common word.
        native: The queue's own word, for people.
        reason: Why it waits or how it ended, in the queue's words.
        node: Where it runs.
        exit_code: Of the job's script, once it ended by itself.
    """

    phase: Phase
    native: str = ""
    reason: str = ""
    node: str = ""
    exit_code: int | None = None


@dataclass(frozen=True)
class Snapshot:
    """The answer to one poll. An unhealthy one says nothing about any job."""

    healthy: bool
    states: Mapping[str, JobState] = field(default_factory=dict)
    problem: str = ""

    @property
    def all_final(self) -> bool:
        """True if this poll is healthy and every job of it has ended."""
        return self.healthy and all(state.phase.is_final for state in self.states.values())


@dataclass(frozen=True)
class Completed:
    """A script that ran to its end on the cluster."""

    exit_code: int
    stdout: str
    stderr: str


class Transport(Protocol):
    """How scripts and files reach the cluster. Raises ClusterError when they cannot.

    Whoever copies names the temporary file, checks and renames: see ``nepsbench.cluster.files``.
    """

    def run(self, script: str, *, timeout: float = 60.0) -> Completed:
        """Run bash text and wait for it."""
        ...

    def put(self, source: Path, target: str) -> None:
        """Copy a local file to exactly this name, whose folder exists."""
        ...

    def get(self, source: str, target: Path) -> None:
        """Copy a file from there to exactly this name, whose folder exists."""
        ...

    def close(self) -> None:
        """Give back the connection."""
        ...


class Queue(Protocol):
    """What to say to a queueing system, and how to read its answer. Pure.

    Every script is framed (``nepsbench.cluster.frame``): run its text as it is with ``bash -s``.
    """

    def submit_script(self, job: Job) -> str:
        """Return a script that submits ``job`` once, or adopts the one that was submitted."""
        ...

    def parse_submit(self, answer: Completed, job: Job) -> Handle:
        """Return the handle from that script's answer; ClusterError with the queue's own words."""
        ...

    def poll_script(self, handles: Sequence[Handle]) -> str:
        """Return one script that tells the state of all ``handles``."""
        ...

    def parse_poll(self, answer: Completed, handles: Sequence[Handle]) -> Snapshot:
        """Return the states; a truncated or failed answer is an unhealthy snapshot."""
        ...

    def cancel_script(self, handles: Sequence[Handle]) -> str:
        """Return a script that cancels ``handles``; one that has ended is no error."""
        ...
