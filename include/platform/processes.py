"""Detached processes: started in a session of their own, known by pid and start time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

#: Seconds that processes have to end after each request. Airflow's triggerer takes a second
#: request as "at once"; after the first it waits 10 s for nothing.
GRACE = 5.0
REQUESTS = (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL)


@dataclass(frozen=True)
class Process:
    """A process that cannot be mistaken for a later one with the same pid.

    Attributes:
        pid: Its id, and the id of its session.
        started: When it started, in seconds since 1970, as the system tells it.
    """

    pid: int
    started: float

    def is_alive(self) -> bool:
        """Return whether this very process still runs."""
        found = self._find()
        return found is not None and found.status() != psutil.STATUS_ZOMBIE

    def is_replaced(self) -> bool:
        """Return whether the pid belongs to another process now.

        While anything of a session lives, the kernel does not give its number away, so a number
        that nobody else has still names our session, even if its leader is dead.
        """
        return psutil.pid_exists(self.pid) and self._find() is None

    def _find(self) -> psutil.Process | None:
        try:
            process = psutil.Process(self.pid)
            return process if abs(process.create_time() - self.started) < 1.0 else None
        except psutil.NoSuchProcess:
            return None


def start(
    command: Sequence[str], *, environment: Mapping[str, str], log: Path, cwd: Path
) -> Process:
    """Start ``command`` detached from the terminal; its output is appended to ``log``."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        child = subprocess.Popen(
            command,
            env=dict(environment),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Process(pid=child.pid, started=psutil.Process(child.pid).create_time())


def stop(processes: Iterable[Process], *, grace: float = GRACE) -> None:
    """End processes and all that they started: SIGTERM twice, then SIGKILL for what is left.

    A service's children count as its own if they descend from it or share its session, whatever
    process groups they made.
    """
    family = {
        member
        for process in processes
        if not process.is_replaced()
        for member in _family(process.pid)
    }
    for request in REQUESTS:
        _signal(family, request)
        _, alive = psutil.wait_procs(family, timeout=grace)
        # What is still there may have started more since.
        family = {member for process in alive for member in _family(process.pid)} | set(alive)


def remember(path: Path, process: Process) -> None:
    """Keep the process in a file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(asdict(process)))
    temporary.replace(path)


def recall(path: Path) -> Process | None:
    """Return the process that a file remembers, alive or not."""
    try:
        return Process(**json.loads(path.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _family(pid: int) -> set[psutil.Process]:
    """Return the process, its descendants, and everything in its session."""
    members = set()
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == pid:
                members.add(process)
        except (ProcessLookupError, PermissionError):
            continue
    for member in list(members):
        try:
            members.update(member.children(recursive=True))
        except psutil.NoSuchProcess:
            continue
    return members


def _signal(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue
