"""Getting in by other hosts: jump hosts, and what OpenSSH's own file says of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from nepsbench.cluster.definition import Ssh
from nepsbench.errors import AccessError, HostKeyError, LoginError, SpecError, UnreachableError
from tests.integration.cutting_proxy import cutting_proxy
from tests.integration.own_sshd import Sshd, make_key, running_sshd
from tests.integration.ssh.sites import Open

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning"),
]


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """Another server, to go through."""
    with running_sshd(tmp_path_factory.mktemp("gate") / "s") as server:
        yield server


def hop(server: Sshd, **changes: object) -> dict[str, object]:
    """Return a server as a jump host, its host key pinned."""
    ssh = server.ssh(host_key=server.host_key, **changes)
    return ssh.model_dump(include={"host", "port", "user", "key_file", "host_key"})


# -- through other hosts ---------------------------------------------------------------------------


def test_one_jump_host_is_gone_through(site: Sshd, gate: Sshd, reach: Open) -> None:
    before = (gate.logins(), site.logins())
    transport = reach(site.ssh(jump=hop(gate)))
    assert transport.run("echo in").stdout == "in\n"
    assert (gate.logins(), site.logins()) == (before[0] + 1, before[1] + 1)


def test_several_jump_hosts_are_gone_through_in_their_order(
    site: Sshd, gate: Sshd, reach: Open, tmp_path: Path
) -> None:
    with running_sshd(tmp_path / "inner") as inner:
        before = (gate.logins(), site.logins())
        transport = reach(site.ssh(jump=[hop(gate), hop(inner)]))
        assert transport.run("echo in").stdout == "in\n"
        transport.put(site.folder / "id.pub", str(tmp_path / "copied"))
        assert (tmp_path / "copied").read_bytes() == (site.folder / "id.pub").read_bytes()
        after = (gate.logins(), site.logins())
        assert (*after, inner.logins()) == (before[0] + 1, before[1] + 1, 1)


def test_the_host_key_of_every_hop_is_verified(
    site: Sshd, gate: Sshd, reach: Open, tmp_path: Path
) -> None:
    wrong = make_key(tmp_path / "wrong").with_suffix(".pub").read_text().strip()
    false_gate = hop(gate) | {"host_key": wrong}
    before = (gate.logins(), site.logins())
    with pytest.raises(HostKeyError, match="expected"):
        reach(site.ssh(jump=false_gate)).run("true")
    unpinned = {key: value for key, value in hop(gate).items() if key != "host_key"}
    with pytest.raises(HostKeyError, match=f"host .127.0.0.1.:{gate.port} is not in"):
        reach(site.ssh(jump=unpinned)).run("true")
    assert (gate.logins(), site.logins()) == before
    with pytest.raises(HostKeyError, match="expected"):
        reach(site.ssh(jump=hop(gate), host_key=wrong)).run("true")
    assert (gate.logins(), site.logins()) == (before[0] + 1, before[1])


def test_known_hosts_serves_every_hop(site: Sshd, gate: Sshd, reach: Open, tmp_path: Path) -> None:
    known_hosts = tmp_path / "known_hosts"
    known_hosts.write_text("".join(s.known_as(s.port).read_text() for s in (site, gate)))
    unpinned = {key: value for key, value in hop(gate).items() if key != "host_key"}
    transport = reach(site.ssh(jump=unpinned, known_hosts=known_hosts))
    assert transport.run("echo in").stdout == "in\n"


def test_closing_closes_every_hop(site: Sshd, gate: Sshd, reach: Open) -> None:
    with cutting_proxy(gate.port) as proxy:
        transport = reach(site.ssh(jump=hop(gate, port=proxy.port)))
        transport.run("true")
        line = transport._line
        assert line is not None
        transport.close()
        assert not any(c.get_transport() for c in (line.client, *line.before))
        assert transport.run("echo again").stdout == "again\n"
        assert proxy.connections == 2


def test_a_jump_host_that_breaks_is_gone_through_anew(site: Sshd, gate: Sshd, reach: Open) -> None:
    with cutting_proxy(gate.port) as proxy:
        transport = reach(site.ssh(jump=hop(gate, port=proxy.port)))
        transport.run("true")
        threading.Timer(0.4, proxy.cut_now).start()
        with pytest.raises(UnreachableError):
            transport.run("echo half; sleep 2; echo rest")
        assert transport.run("echo again").stdout == "again\n"
        assert proxy.connections == 2


def test_a_jump_host_that_lets_nobody_through_is_refused_for_good(
    site: Sshd, reach: Open, tmp_path: Path
) -> None:
    with (
        running_sshd(tmp_path / "s", config="AllowTcpForwarding no\n") as wall,
        pytest.raises(AccessError, match="the jump host lets no connection through"),
    ):
        reach(site.ssh(jump=hop(wall))).run("true")


def test_a_host_that_the_jump_host_does_not_reach_may_be_there_later(
    site: Sshd, gate: Sshd, reach: Open
) -> None:
    with cutting_proxy(site.port) as proxy:
        port = proxy.port
    with pytest.raises(UnreachableError, match="not reached by the jump host"):
        reach(site.ssh(port=port, jump=hop(gate))).run("true")


# -- OpenSSH's own file ----------------------------------------------------------------------------


def test_an_alias_of_openssh_leads_through_its_proxy_jump(
    site: Sshd, gate: Sshd, reach: Open, tmp_path: Path
) -> None:
    known_hosts = tmp_path / "known_hosts"
    known_hosts.write_text("".join(s.known_as(s.port).read_text() for s in (site, gate)))
    user = site.ssh().user
    (tmp_path / "config").write_text(
        f"Host cluster\n HostName 127.0.0.1\n Port {site.port}\n ProxyJump {user}@door\n"
        f"Host door\n HostName 127.0.0.1\n Port {gate.port}\n IdentityFile {gate.folder}/id\n"
        f"Host *\n User {user}\n IdentityFile {site.folder}/id\n"
    )
    section = {"host": "cluster", "known_hosts": known_hosts, "config": tmp_path / "config"}
    before = gate.logins()
    assert reach(Ssh.model_validate(section)).run("echo in").stdout == "in\n"
    assert gate.logins() == before + 1
    # What the cluster file says counts before it.
    direct = Ssh.model_validate(section | {"jump": []})
    assert reach(direct).run("echo in").stdout == "in\n"
    assert gate.logins() == before + 1
    with pytest.raises(LoginError, match="login of nobody-here refused"):
        reach(Ssh.model_validate(section | {"jump": [], "user": "nobody-here"})).run("true")


def test_what_is_not_supported_of_openssh_is_refused_by_name(reach: Open, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(
        "Host a\n ProxyCommand touch pwned\nHost b\n ProxyJump c\nHost c\n ProxyJump b\n"
    )
    with pytest.raises(SpecError, match=r"ProxyCommand of a is not supported"):
        reach(Ssh(host="a", config=config)).run("true")
    with pytest.raises(SpecError, match="ProxyJump leads in a circle"):
        reach(Ssh(host="b", config=config)).run("true")
    with pytest.raises(SpecError, match="cannot be read"):
        reach(Ssh(host="b", config=tmp_path / "none")).run("true")
