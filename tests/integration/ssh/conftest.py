"""A site to log in to, and transports that are closed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nepsbench.cluster.definition import Ssh
from nepsbench.cluster.ssh import SSHTransport, ssh_transport
from tests.integration.own_sshd import Sshd, running_sshd
from tests.integration.ssh.sites import Open, as_file


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with running_sshd(tmp_path_factory.mktemp("site") / "s") as server:
        yield server


@pytest.fixture
def reach() -> Iterator[Open]:
    """Transports, closed at the end of the test."""
    opened: list[SSHTransport] = []

    def reach(ssh: Ssh) -> SSHTransport:
        opened.append(ssh_transport(as_file(ssh)))
        return opened[-1]

    yield reach
    for transport in opened:
        transport.close()


@pytest.fixture(autouse=True)
def _no_agent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
