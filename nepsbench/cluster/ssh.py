"""The transport over SSH: scripts on the input of ``bash -s``, files by SFTP, one connection."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import paramiko

from nepsbench.cluster.definition import ClusterFile
from nepsbench.cluster.hops import route
from nepsbench.cluster.interface import Completed
from nepsbench.cluster.login import CONNECT_TIMEOUT, Line, log_in, words
from nepsbench.errors import ClusterError, UnreachableError
from nepsbench.files import disk_full, is_disk_full

_KEEPALIVE = 30
#: Seconds without any byte, after which a file transfer is given up.
_FILE_TIMEOUT = 60.0
#: Bytes of output that are read at once.
_BLOCK = 1 << 18
#: Bytes of one answer of SFTP: written at once, so that a break loses none that came.
_PIECE = 1 << 15
#: Bytes under way at most: enough for a long line, little enough for a small machine.
_WINDOW = 4 << 20
#: Seconds between two looks at an answer: at first, and at most.
_PAUSES = (0.005, 0.1)


class SSHTransport:
    """Runs scripts and copies files over one SSH connection.

    The connection is made when it is first needed, and made anew after it broke. Threads may
    share it.

    Attributes:
        name: What messages call the other side.
    """

    def __init__(self, name: str, connect: Callable[[], Line]) -> None:
        self.name = name
        self._connect = connect
        self._line: Line | None = None
        self._sftp: paramiko.SFTPClient | None = None
        self._lock = threading.RLock()
        # Of its own, so that no script waits for a long file.
        self._files_lock = threading.Lock()

    def run(self, script: str, *, timeout: float = 60.0) -> Completed:
        """Run bash text and wait for it.

        Raises:
            AccessError: If the cluster will not let us in.
            UnreachableError: If there is no connection, it breaks, or the time is over. Whether
                the script ran is unknown then; half an answer is none.
        """
        session = self._session()
        try:
            channel = session.open_session(timeout=CONNECT_TIMEOUT)
            with _ended_after(channel, CONNECT_TIMEOUT):
                channel.exec_command("bash -s")
            channel.settimeout(timeout)
            channel.sendall(script.encode())
            channel.shutdown_write()
            return self._read(channel, time.monotonic() + timeout)
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise self._broken(words(error)) from None

    def put(self, source: Path, target: str) -> None:
        """Copy a local file to exactly this name; what stands there is taken for its beginning.

        Raises:
            AccessError: If the cluster will not let us in.
            UnreachableError: If the connection breaks; what arrived stays.
            ClusterError: If the file cannot be read here or written there.
        """
        with self._files_lock, self._copying(f"{source} to {target}", here=source):
            files = self._files()
            with source.open("rb") as reader, _opened_to_continue(files, target) as writer:
                there = writer.stat().st_size or 0
                reader.seek(there)
                writer.seek(there)
                # Writes say where they belong: two that send the same file do no harm.
                while block := reader.read(_WINDOW):
                    _write(writer, block)

    def get(self, source: str, target: Path) -> None:
        """Copy a file from there to exactly this name; what stands here is its beginning.

        It may grow meanwhile: it arrives at least as long as it was.

        Raises:
            AccessError: If the cluster will not let us in.
            UnreachableError: If the connection breaks; what arrived stays.
            ClusterError: If the file cannot be read there.
            StorageError: If the disk here is full.
        """
        with self._files_lock, self._copying(f"{source} to {target}", here=target):
            files = self._files()
            with target.open("ab") as writer, files.open(source, "rb") as reader:
                size = reader.stat().st_size or 0
                reader.seek(writer.tell())
                _read_on(reader, writer, size)

    def close(self) -> None:
        """Close the connection; the next use makes a new one."""
        with self._lock:
            line, self._line, self._sftp = self._line, None, None
        if line is not None:
            line.close()

    def _session(self) -> paramiko.Transport:
        """Return the live connection."""
        with self._lock:
            transport = self._line.client.get_transport() if self._line else None
            if transport is None or not transport.is_active():
                self.close()
                self._line = self._open()
                transport = self._line.client.get_transport()
                if transport is None or not transport.is_active():
                    raise self._broken("it was closed at once")
                transport.set_keepalive(_KEEPALIVE)
            return transport

    def _open(self) -> Line:
        try:
            return self._connect()
        except ClusterError as error:
            raise type(error)(f"{self.name}: {error}") from None

    def _files(self) -> paramiko.SFTPClient:
        """Return the SFTP channel of the live connection."""
        session = self._session()
        if self._sftp is None:
            channel = session.open_session(timeout=CONNECT_TIMEOUT)
            try:
                with _ended_after(channel, CONNECT_TIMEOUT):
                    channel.invoke_subsystem("sftp")
                channel.settimeout(_FILE_TIMEOUT)
                self._sftp = paramiko.SFTPClient(channel)
            except paramiko.SFTPError:
                raise ClusterError(
                    f"{self.name}: something talks before SFTP does; see that the shell's start-up "
                    "files (.bashrc) print only where they are interactive"
                ) from None
            except (paramiko.SSHException, EOFError):
                if not session.is_active():
                    raise
                raise ClusterError(
                    f"{self.name}: no SFTP there; ask the site to allow it"
                ) from None
        return self._sftp

    @contextlib.contextmanager
    def _copying(self, what: str, *, here: Path) -> Iterator[None]:
        try:
            yield
        except (paramiko.SSHException, OSError, EOFError) as error:
            if self._is_broken(error):
                raise self._broken(f"while copying {what}: {words(error)}") from None
            self._sftp = None
            if isinstance(error, OSError) and is_disk_full(error):
                raise disk_full(here) from None
            # All that SFTP says of a full disk there is "Failure".
            hint = "; is the disk there full?" if words(error) == "Failure" else ""
            raise ClusterError(f"{self.name}: cannot copy {what}: {words(error)}{hint}") from None

    def _is_broken(self, error: Exception) -> bool:
        """Return True unless SFTP answered: then the connection is whole."""
        transport = self._line.client.get_transport() if self._line else None
        alive = transport is not None and transport.is_active()
        return not alive or not isinstance(error, OSError) or isinstance(error, TimeoutError)

    def _broken(self, what: str) -> UnreachableError:
        """Give up the connection; what was said over it cannot be trusted to be complete."""
        self.close()
        return UnreachableError(f"{self.name}: connection failed: {what}")

    def _read(self, channel: paramiko.Channel, deadline: float) -> Completed:
        """Return both outputs; they are read in turn, because a full one would stop the other."""
        out, err = bytearray(), bytearray()
        pause, longest = _PAUSES
        while True:
            # Before the reads: what comes between them and this question is read in another round.
            over = channel.closed or (channel.exit_status_ready() and channel.eof_received)
            quiet = True
            if channel.recv_ready():
                out += channel.recv(_BLOCK)
                quiet = False
            if channel.recv_stderr_ready():
                err += channel.recv_stderr(_BLOCK)
                quiet = False
            if quiet and over:
                break
            if time.monotonic() > deadline:
                raise self._broken("no answer in time")
            pause = min(longest, pause * 1.5) if quiet else _PAUSES[0]
            if quiet:
                time.sleep(pause)
        # An exit status may overtake the output: only the end of the output says that it is whole.
        if (code := channel.recv_exit_status()) < 0 or not channel.eof_received:
            raise self._broken("it broke in the middle of an answer, or the shell was killed")
        return Completed(code, out.decode(errors="replace"), err.decode(errors="replace"))


def ssh_transport(file: ClusterFile) -> SSHTransport:
    """Return the transport that the ``ssh`` section of a cluster file describes.

    Host keys are always verified: the pinned one, or those of ``known_hosts``.

    Raises:
        ClusterError: If the file has no such section.
    """
    ssh = file.ssh
    if ssh is None:
        raise ClusterError(f"cluster {file.name}: its file has no ssh section; add host and user")
    known_hosts = ssh.known_hosts.expanduser()
    return SSHTransport(f"cluster {file.name}", lambda: log_in(route(ssh), known_hosts))


def _opened_to_continue(files: paramiko.SFTPClient, path: str) -> paramiko.SFTPFile:
    try:
        return files.open(path, "r+b")
    except FileNotFoundError:
        return files.open(path, "wb")


def _read_on(reader: paramiko.SFTPFile, writer: BinaryIO, size: int) -> None:
    """Copy up to ``size``; a window at a time is asked for ahead of the reads."""
    _silence(reader)
    while (at := reader.tell()) < size:
        end = min(size, at + _WINDOW)
        reader.prefetch(end)
        while at < end:
            block = reader.read(min(_PIECE, end - at))
            if not block:
                return  # it was cut shorter meanwhile; whoever compares will notice
            writer.write(block)
            at += len(block)


def _silence(reader: paramiko.SFTPFile) -> None:
    """Let the thread that asks ahead end in silence when the connection breaks.

    Python would print its traceback, although whoever reads meets the same error, and tells it.
    """
    ask: Callable[..., None] = getattr(reader, "_prefetch_thread", lambda *_: None)

    def ask_quietly(*arguments: object) -> None:
        with contextlib.suppress(paramiko.SSHException, OSError, EOFError):
            ask(*arguments)

    reader._prefetch_thread = ask_quietly  # type: ignore[attr-defined]


def _write(writer: paramiko.SFTPFile, block: bytes) -> None:
    """Write without waiting for each answer; paramiko looks at them only before the last byte's."""
    writer.set_pipelined(True)
    writer.write(block[:-1])
    writer.set_pipelined(False)
    writer.write(block[-1:])


@contextlib.contextmanager
def _ended_after(channel: paramiko.Channel, seconds: float) -> Iterator[None]:
    """Close the channel if a request on it is not answered in time: paramiko waits for ever."""
    timer = threading.Timer(seconds, channel.close)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
