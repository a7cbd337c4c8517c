"""The transport over SSH: scripts on the input of ``bash -s``, files by SFTP, one connection."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

import paramiko

from nepsbench.cluster.definition import ClusterFile
from nepsbench.cluster.interface import Completed
from nepsbench.errors import ClusterError
from nepsbench.files import disk_full, is_disk_full

#: Seconds for each step of making a connection.
_CONNECT_TIMEOUT = 15.0
_KEEPALIVE = 30
#: Seconds without any byte, after which a file transfer is given up.
_FILE_TIMEOUT = 60.0
# What went wrong reaches the user as a ClusterError; without this, also as a traceback.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


class SSHTransport:
    """Runs scripts and copies files over one SSH connection, made when it is first needed.

    Attributes:
        name: What messages call the other side.
    """

    def __init__(self, name: str, connect: Callable[[], paramiko.SSHClient]) -> None:
        self.name = name
        self._connect = connect
        self._client: paramiko.SSHClient | None = None
        self._sftp: paramiko.SFTPClient | None = None

    def run(self, script: str, *, timeout: float = 60.0) -> Completed:
        """Run bash text and wait for it.

        Raises:
            ClusterError: If the connection fails or breaks, or the time is over.
        """
        try:
            channel = self._session().open_session(timeout=_CONNECT_TIMEOUT)
            channel.exec_command("bash -s")
            channel.settimeout(timeout)
            channel.sendall(script.encode())
            channel.shutdown_write()
            return self._read(channel, time.monotonic() + timeout)
        except (paramiko.SSHException, OSError, EOFError) as error:
            self.close()
            raise ClusterError(f"{self.name}: connection failed: {_words(error)}") from None

    def put(self, source: Path, target: str) -> None:
        """Copy a local file to exactly this name."""
        try:
            self._files().put(str(source), target)
        except (paramiko.SSHException, OSError, EOFError) as error:
            self._sftp = None
            raise ClusterError(
                f"{self.name}: cannot copy {source} to {target}: {_words(error)}"
            ) from None

    def get(self, source: str, target: Path) -> None:
        """Copy a file from there to exactly this name. It may grow meanwhile."""
        try:
            with target.open("wb") as file:
                self._files().getfo(source, file)
        except (paramiko.SSHException, OSError, EOFError) as error:
            self._sftp = None
            if isinstance(error, OSError) and is_disk_full(error):
                raise disk_full(target) from None
            raise ClusterError(
                f"{self.name}: cannot copy {source} to {target}: {_words(error)}"
            ) from None

    def close(self) -> None:
        """Close the connection; the next use makes a new one."""
        if self._client is not None:
            self._client.close()
        self._client = self._sftp = None

    def _session(self) -> paramiko.Transport:
        """Return the live connection."""
        transport = self._client.get_transport() if self._client else None
        if transport is None or not transport.is_active():
            self.close()
            self._client = self._open()
            transport = self._client.get_transport()
            if transport is None:
                raise ClusterError(f"{self.name}: the connection closed at once; try again")
            transport.set_keepalive(_KEEPALIVE)
        return transport

    def _files(self) -> paramiko.SFTPClient:
        """Return the SFTP channel of the live connection."""
        session = self._session()
        if self._sftp is None:
            self._sftp = session.open_sftp_client()
            if self._sftp is None:
                raise ClusterError(f"{self.name}: no SFTP there; ask the site to allow it")
            channel = self._sftp.get_channel()
            if channel is not None:
                channel.settimeout(_FILE_TIMEOUT)
        return self._sftp

    def _open(self) -> paramiko.SSHClient:
        try:
            return self._connect()
        except paramiko.BadHostKeyException as error:
            raise ClusterError(
                f"{self.name}: host key of {error.hostname} is {_fingerprint(error.key)}, expected "
                f"{_fingerprint(error.expected_key)}; ask the site if its key changed, and only "
                "then replace it in known_hosts"
            ) from None
        except paramiko.AuthenticationException as error:
            raise ClusterError(
                f"{self.name}: login refused ({_words(error)}); check user and key_file"
            ) from None
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise ClusterError(f"{self.name}: cannot connect: {_words(error)}") from None

    def _read(self, channel: paramiko.Channel, deadline: float) -> Completed:
        """Return both outputs; they are read in turn, because a full one would stop the other."""
        out, err = bytearray(), bytearray()
        while True:
            ended = channel.exit_status_ready() or channel.closed
            quiet = True
            if channel.recv_ready():
                out += channel.recv(1 << 16)
                quiet = False
            if channel.recv_stderr_ready():
                err += channel.recv_stderr(1 << 16)
                quiet = False
            if quiet and ended and (channel.eof_received or channel.closed):
                break
            if time.monotonic() > deadline:
                channel.close()
                raise ClusterError(f"{self.name}: no answer in time; try again")
            if quiet:
                time.sleep(0.01)
        # paramiko says -1 when the connection broke before an exit status came.
        if (code := channel.recv_exit_status()) < 0:
            raise ClusterError(f"{self.name}: the connection broke in the middle of an answer")
        return Completed(code, out.decode(errors="replace"), err.decode(errors="replace"))


def ssh_transport(file: ClusterFile) -> SSHTransport:
    """Return the transport that the ``ssh`` section of a cluster file describes.

    Host keys are always verified, against ``known_hosts``.

    Raises:
        ClusterError: If the file has no such section.
    """
    ssh = file.ssh
    if ssh is None:
        raise ClusterError(f"cluster {file.name}: its file has no ssh section; add host and user")
    known_hosts = ssh.known_hosts.expanduser()

    def connect() -> paramiko.SSHClient:
        client = paramiko.SSHClient()
        if known_hosts.exists():
            client.load_host_keys(str(known_hosts))
        client.set_missing_host_key_policy(_Refuse(known_hosts))
        client.connect(
            ssh.host,
            port=ssh.port,
            username=ssh.user,
            key_filename=str(ssh.key_file.expanduser()) if ssh.key_file else None,
            look_for_keys=ssh.key_file is None,
            timeout=_CONNECT_TIMEOUT,
            banner_timeout=_CONNECT_TIMEOUT,
            auth_timeout=_CONNECT_TIMEOUT,
        )
        return client

    return SSHTransport(f"cluster {file.name}", connect)


class _Refuse(paramiko.MissingHostKeyPolicy):
    """Refuses a host that ``known_hosts`` does not list."""

    def __init__(self, known_hosts: Path) -> None:
        self._known_hosts = known_hosts

    def missing_host_key(
        self,
        client: paramiko.SSHClient,  # noqa: ARG002
        hostname: str,
        key: paramiko.PKey,
    ) -> None:
        raise ClusterError(
            f"host {hostname} is not in {self._known_hosts}; its key is {_fingerprint(key)}: "
            "compare it with what the site publishes, then add it there (ssh-keyscan)"
        )


def _fingerprint(key: paramiko.PKey) -> str:
    """Return the fingerprint as OpenSSH prints it."""
    return f"{key.get_name()} {key.fingerprint}"


def _words(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
