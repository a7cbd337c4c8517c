"""What every cluster can do: run scripts, move files, and be visited with orders.

A cluster is a *transport* (how a script and a file get there) and a *queue* (what to say there).
Queues are pure: they write shell text and read its answer, so they are tested as text and the same
text serves a synchronous task and an asynchronous trigger. Transports hold all the effects.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from nepsbench.errors import SpecError

if TYPE_CHECKING:
    from nepsbench.cluster.conversation import Answer, Orders

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Phase(str, Enum):
    """Where a job is, in words that every queue shares.

    ``SUCCEEDED`` says that every task ended with exit code 0 and that the result manifests hold;
    ``STOPPED``, that it ended in good order with work left (exit code 3). ``MISSING`` is no
    outcome: a healthy snapshot of the queue lacks the job, and it has left no exit marker. ``SENT``
    says that a submission began and its answer is not known yet.
    """

    SENT = "sent"
    QUEUED = "queued"
    ACTIVE = "active"
    MISSING = "missing"
    SUCCEEDED = "succeeded"
    STOPPED = "stopped"
    REFUSED = "refused"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    NODE_FAILURE = "node_failure"
    LOST = "lost"

    @property
    def is_final(self) -> bool:
        """True if the attempt will not change its phase any more."""
        return self not in _OPEN


_OPEN = frozenset({Phase.SENT, Phase.QUEUED, Phase.ACTIVE, Phase.MISSING})


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
    """A piece of work that is to be done once, by as many attempts as that takes.

    Attributes:
        key: Unique for ever, and safe in file names and job names: ``[A-Za-z0-9._-]+``.
        directory: Its folder on the cluster, absolute. Input lies there before submission; what
            it prints is appended to ``stdout`` and ``stderr`` there.
        command: What each task runs; the task's number is in ``NEPSBENCH_WORKER``.
        resources: What it asks for.
        manifests: Files in ``directory`` that prove success: lists as ``sha256sum`` writes them,
            of files named relative to ``directory``. They are deleted when an attempt begins. A
            line ``# progress N`` tells how much was done so far, in units of its own.
    """

    key: str
    directory: str
    command: tuple[str, ...]
    resources: Resources
    manifests: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not _KEY.fullmatch(self.key):
            raise SpecError(
                f"job key {self.key!r}: use letters, digits, dots, hyphens and underscores only"
            )
        if not self.directory.startswith("/"):
            raise SpecError(f"job {self.key}: directory {self.directory!r} must be absolute")


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

    The script is framed (``nepsbench.cluster.frame``): run its text as it is with ``bash -s``.
    """

    def visit_script(self, orders: Orders) -> str:
        """Return one script that carries out ``orders`` and tells how the queue stands."""
        ...

    def read_visit(self, answer: Completed, orders: Orders) -> Answer | None:
        """Return what that script told, or None if it was cut short: then it tells nothing."""
        ...
