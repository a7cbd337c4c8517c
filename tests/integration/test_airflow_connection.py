"""The way to a cluster over an Airflow connection: the same checks, the same refusals."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nepsbench.cluster import Cluster
from nepsbench.errors import AccessError, HostKeyError, LoginError, UnreachableError
from tests.integration.cutting_proxy import cutting_proxy
from tests.integration.own_sshd import Sshd, make_key, running_sshd

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning"),
]
SECRET = "swordfish and more"


@pytest.fixture(scope="module", autouse=True)
def _airflow_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Airflow reads its home at import; give it an empty one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_HOME", str(tmp_path_factory.mktemp("airflow")))
        yield


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with running_sshd(tmp_path_factory.mktemp("site") / "s") as server:
        yield server


Open = Callable[..., Cluster]


@pytest.fixture
def reach(site: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Open a cluster over a connection whose extras are given; None leaves one out."""
    monkeypatch.setenv("NEPSBENCH_CLUSTERS", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    opened: list[Cluster] = []

    def reach(
        *, port: int = 0, user: str | None = None, ssh: dict[str, Any] | None = None, **extra: Any
    ) -> Cluster:
        from nepsbench_airflow.connection import open_airflow_cluster

        given = {"key_file": str(site.folder / "id"), "host_key": site.host_key} | extra
        connection = {
            "conn_type": "ssh",
            "host": "127.0.0.1",
            "port": port or site.port,
            "login": user or site.ssh().user,
            "extra": {key: value for key, value in given.items() if value is not None},
        }
        monkeypatch.setenv("AIRFLOW_CONN_NB_TEST", json.dumps(connection))
        file = {"name": "t", "kind": "slurm", "root": str(tmp_path / "w"), "connection": "nb_test"}
        (tmp_path / "t.yaml").write_text(
            json.dumps(file | {"limits": {"cpus_per_node": 1}} | ({"ssh": ssh} if ssh else {}))
        )
        opened.append(open_airflow_cluster("t"))
        return opened[-1]

    yield reach
    for cluster in opened:
        cluster.close()


def test_scripts_and_files_go_over_one_connection(site: Sshd, reach: Open, tmp_path: Path) -> None:
    before = site.logins()
    cluster = reach()
    assert cluster.run("echo in").stdout == "in\n"
    cluster.put(site.folder / "id.pub", cluster.path("file"))
    (back,) = cluster.fetch(cluster.path(), "file", tmp_path / "back")
    assert back.read_bytes() == (site.folder / "id.pub").read_bytes()
    assert site.logins() == before + 1


def test_a_broken_connection_is_made_anew(site: Sshd, reach: Open) -> None:
    with cutting_proxy(site.port) as proxy:
        cluster = reach(port=proxy.port)
        proxy.cut_after(server_bytes=1000)
        with pytest.raises(UnreachableError, match="cluster t: Airflow connection nb_test"):
            cluster.run("true")
        cluster.run("true")
        proxy.cut_after(server_bytes=100)
        with pytest.raises(UnreachableError, match="cluster t: connection failed"):
            cluster.run("seq 1 1000")
        assert cluster.run("echo again").stdout == "again\n"
        assert proxy.connections == 3


def test_a_login_that_is_cut_anywhere_is_no_refusal(site: Sshd, reach: Open) -> None:
    with cutting_proxy(site.port) as proxy:
        reach(port=proxy.port).run("true")
        got = proxy.server_bytes
        for number in range(6):
            proxy.cut_after(server_bytes=got * number // 6, how="fin" if number % 2 else "rst")
            with pytest.raises(UnreachableError):
                reach(port=proxy.port).run("true")
        assert proxy.cuts == 6


def test_a_changed_host_key_stops_at_once(site: Sshd, reach: Open, tmp_path: Path) -> None:
    other = make_key(tmp_path / "other").with_suffix(".pub").read_text()
    with cutting_proxy(site.port) as proxy:
        with pytest.raises(HostKeyError, match=r"SHA256.*expected .*SHA256.*connection nb_test"):
            reach(port=proxy.port, host_key=other).run("true")
        assert proxy.connections == 1


def test_a_host_key_that_nobody_knows_is_refused(reach: Open) -> None:
    with pytest.raises(HostKeyError, match="put the host's key into its host_key"):
        reach(host_key=None).run("true")


def test_the_cluster_files_pin_serves_a_connection_without_one(
    site: Sshd, reach: Open, tmp_path: Path
) -> None:
    ssh = {"host": "127.0.0.1", "host_key": site.host_key}
    assert reach(host_key=None, ssh=ssh).run("echo in").stdout == "in\n"
    other = make_key(tmp_path / "other").with_suffix(".pub").read_text().strip()
    with pytest.raises(HostKeyError, match="expected"):
        reach(host_key=None, ssh=ssh | {"host_key": other}).run("true")


@pytest.mark.parametrize("extra", ["no_host_key_check", "allow_host_key_change"])
def test_a_connection_that_verifies_nothing_is_refused(reach: Open, extra: str) -> None:
    with pytest.raises(AccessError, match="host keys must be verified"):
        reach(host_key=None, **{extra: True}).run("true")


def test_a_login_that_is_refused_is_no_reason_to_try_again(
    site: Sshd, reach: Open, tmp_path: Path
) -> None:
    other = str(make_key(tmp_path / "other"))
    with cutting_proxy(site.port) as proxy:
        with pytest.raises(LoginError, match="login refused"):
            reach(port=proxy.port, key_file=other).run("true")
        assert proxy.connections == 1
    with pytest.raises(LoginError, match="login refused"):
        reach(user="nobody-here").run("true")
    with pytest.raises(LoginError, match=r"login refused .*No such file"):
        reach(key_file=str(tmp_path / "none")).run("true")
    with pytest.raises(LoginError, match="login refused"):
        reach(key_file=None).run("true")


def test_a_wrong_passphrase_is_refused_and_not_told(
    reach: Open, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    locked = make_key(tmp_path / "locked", passphrase="another").read_text()
    caplog.set_level("DEBUG")
    extra = {"private_key": locked, "private_key_passphrase": SECRET, "key_file": None}
    with pytest.raises(AccessError, match="Airflow connection nb_test") as caught:
        reach(**extra).run("true")
    assert SECRET not in str(caught.value) + caplog.text
    assert "BEGIN" not in str(caught.value)


def test_a_connection_that_is_not_there_is_named(reach: Open, monkeypatch) -> None:
    cluster = reach()
    monkeypatch.delenv("AIRFLOW_CONN_NB_TEST")
    with pytest.raises(AccessError, match="Airflow has no connection 'nb_test'; add it"):
        cluster.run("true")


def test_a_connection_that_says_nonsense_is_named(reach: Open) -> None:
    with pytest.raises(AccessError, match="Airflow connection nb_test: "):
        reach(host_key="ssh-dss AAAA").run("true")


def test_the_cluster_files_jump_hosts_serve_the_connection(
    site: Sshd, reach: Open, tmp_path: Path
) -> None:
    with running_sshd(tmp_path / "gate") as gate:
        jump = {
            "host": "127.0.0.1",
            "port": gate.port,
            "key_file": str(gate.folder / "id"),
            "host_key": gate.host_key,
        }
        cluster = reach(ssh={"host": "127.0.0.1", "jump": jump})
        assert cluster.run("echo in").stdout == "in\n"
        cluster.put(site.folder / "id.pub", cluster.path("file"))
        assert gate.logins() == 1
        wrong = {"host": "127.0.0.1", "jump": jump | {"host_key": site.host_key}}
        with pytest.raises(HostKeyError, match=r"ssh\.host_key of the cluster file"):
            reach(ssh=wrong).run("true")
