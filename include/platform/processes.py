"""Detached processes: started in a session of their own, known by pid and start time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from nepsbench.cluster.ledger import process_start

#: Seconds that processes have to end after each request. Airflow's triggerer takes a second
#: request as "at once"; after the first it waits 10 s for nothing.
GRACE = 5.0
REQUESTS = (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL)


@dataclass(frozen=True)
class Process:
    """A process that cannot be mistaken for a later one with the same pid.

    Attributes:
        pid: Its id, and the id of its session.
        started: When it started, as the kernel counts. Not the time of day: that moves by a second
            or more when the clock is set, and the process would then seem to be another one.
    """

    pid: int
    started: str

    def is_alive(self) -> bool:
        """Return whether this very process still runs."""
        found = self._find()
        return found is not None and _runs(found)

    def is_replaced(self) -> bool:
        """Return whether the pid belongs to another process now.

        While anything of a session lives, the kernel does not give its number away, so a number
        that nobody else has still names our session, even if its leader is dead.
        """
        return psutil.pid_exists(self.pid) and self._find() is None

    def listens_on(self, port: int) -> bool:
        """Return whether this process, or one that it started, listens on ``port``."""
        found = self._find()
        try:
            family = [found, *found.children(recursive=True)] if found else []
            return any(
                connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
                for process in family
                for connection in process.net_connections("tcp")
            )
        except psutil.Error:
            return False

    def _find(self) -> psutil.Process | None:
        try:
            process = psutil.Process(self.pid)
            return process if start_of(self.pid) == self.started else None
        except psutil.NoSuchProcess:
            return None


def start_of(pid: int) -> str:
    """Return when a process started, in a form that only it has among those with its number.

    Raises:
        psutil.NoSuchProcess: If there is none.
    """
    return process_start(pid) or str(psutil.Process(pid).create_time())


def start(
    command: Sequence[str], *, environment: Mapping[str, str], log: Path, cwd: Path, record: Path
) -> Process:
    """Start ``command`` detached from the terminal; its output is appended to ``log``.

    It is remembered in the file ``record``; an interruption comes before both or after both.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output, _interruptions_held_back():
        child = subprocess.Popen(
            command,
            env=dict(environment),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        process = Process(pid=child.pid, started=start_of(child.pid))
        _remember(record, process)
    return process


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
        alive = _wait(family, grace)
        # What is still there may have started more since.
        family = {member for process in alive for member in _family(process.pid)} | alive


def recall(path: Path) -> Process | None:
    """Return the process that a file remembers, alive or not."""
    try:
        return Process(**json.loads(path.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _remember(path: Path, process: Process) -> None:
    """Keep the process in a file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(asdict(process)))
    temporary.replace(path)


@contextmanager
def _interruptions_held_back() -> Iterator[None]:
    """Deliver signals that ask this process to end after the block, not within it.

    They are caught rather than blocked: a child would inherit the block.
    """
    caught: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _: caught.append(number))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for ending, handler in before.items():
            signal.signal(ending, handler)
        if caught:
            signal.raise_signal(caught[0])


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


def _wait(family: set[psutil.Process], seconds: float) -> set[psutil.Process]:
    """Return what still runs of the family; at once if that is nothing."""
    deadline = time.monotonic() + seconds
    while (alive := {one for one in family if _runs(one)}) and time.monotonic() < deadline:
        time.sleep(0.05)
    return alive


def _runs(process: psutil.Process) -> bool:
    """Return whether it does more than wait for its parent to note its death.

    In a container that may last for ever: its first process need not look after orphans.
    """
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _signal(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue
