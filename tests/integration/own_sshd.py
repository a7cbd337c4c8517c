"""An sshd of the tests' own on loopback, with keys, a known_hosts file and a home of its own."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nepsbench.cluster.definition import Ssh

_CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/authorized_keys
PidFile {folder}/sshd.pid
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
PrintMotd no
MaxSessions 100
SetEnv HOME={folder}/home
"""
SFTP = "Subsystem sftp internal-sftp\n"


@dataclass(frozen=True)
class Sshd:
    """A server that runs.

    Attributes:
        folder: ``id``, ``host`` (keys), ``authorized_keys``, ``known_hosts``, ``home``, ``log``.
        port: On 127.0.0.1.
    """

    folder: Path
    port: int

    @property
    def host_key(self) -> str:
        return " ".join((self.folder / "host.pub").read_text().split()[:2])

    def known_as(self, port: int) -> Path:
        """Return a known_hosts file that knows this server at another port."""
        path = self.folder / f"known_hosts.{port}"
        if not path.exists():
            path.write_text(f"[127.0.0.1]:{port} {self.host_key}\n")
        return path

    def ssh(self, **changes: Any) -> Ssh:
        """Return the section of a cluster file that leads here."""
        port = changes.get("port", self.port)
        given = {
            "host": "127.0.0.1",
            "port": port,
            "user": getpass.getuser(),
            "key_file": self.folder / "id",
            "known_hosts": self.known_as(port),
        }
        return Ssh.model_validate(given | changes)

    def logins(self) -> int:
        """Return how many logins there were so far."""
        return (self.folder / "log").read_text().count("Accepted publickey")


def require(program: str) -> str:
    """Return the program's path; skip the test if it is missing, fail it if it must be there."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    found = shutil.which(program, path=path)
    if found is None:
        if os.environ.get("NEPSBENCH_REQUIRE_SLURM") == "1":
            pytest.fail(f"NEPSBENCH_REQUIRE_SLURM is set, but {program} is not installed")
        pytest.skip(f"not installed: {program}")
    return found


def make_key(path: Path, *, kind: str = "ed25519", passphrase: str = "") -> Path:
    """Make a key pair."""
    command = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "test", "-f", path]
    subprocess.run(command, check=True)
    return path


@contextlib.contextmanager
def running_sshd(folder: Path, *, config: str = SFTP) -> Iterator[Sshd]:
    """Run an sshd whose state is in ``folder``; lines of ``config`` count before the others."""
    program = require("sshd")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    (folder / "home").mkdir(parents=True)
    make_key(folder / "host")
    shutil.copy(make_key(folder / "id").with_suffix(".pub"), folder / "authorized_keys")
    server = Sshd(folder, _free_port())
    (folder / "config").write_text(config + _CONFIG.format(port=server.port, folder=folder))
    command = [program, "-D", "-f", str(folder / "config"), "-E", str(folder / "log")]
    process = subprocess.Popen(command, start_new_session=True)
    try:
        _wait_for(server, process)
        yield server
    finally:
        # Its children, one a connection, are sessions of their own, and end with their client.
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _wait_for(server: Sshd, process: subprocess.Popen[bytes]) -> None:
    for _ in range(100):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", server.port), 1):
            return
        assert process.poll() is None, (server.folder / "log").read_text()
        time.sleep(0.05)
    raise AssertionError((server.folder / "log").read_text())
