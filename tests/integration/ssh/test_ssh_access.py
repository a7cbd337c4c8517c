"""Getting in: keys, pinned host keys, noise, and connections that break."""

from __future__ import annotations

import logging
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nepsbench.cluster import open_cluster
from nepsbench.errors import (
    AccessError,
    ClusterError,
    HostKeyError,
    LoginError,
    UnreachableError,
)
from tests.integration.cutting_proxy import cutting_proxy
from tests.integration.own_sshd import SFTP, Sshd, make_key, require, running_sshd
from tests.integration.ssh.sites import Open, as_file

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning"),
]

SECRET = "a very 'secret' $(passphrase)"


def fingerprint(key: Path) -> str:
    said = subprocess.run(
        ["ssh-keygen", "-l", "-f", key], capture_output=True, text=True, check=True
    )
    return said.stdout.split()[1]


# -- one connection --------------------------------------------------------------------------------


def test_many_scripts_are_one_login(site: Sshd, reach: Open) -> None:
    before = site.logins()
    transport = reach(site.ssh())
    for number in range(5):
        answer = transport.run(f"echo {number}; echo oops >&2; exit {number}")
        assert (answer.exit_code, answer.stdout, answer.stderr) == (number, f"{number}\n", "oops\n")
    assert site.logins() == before + 1


def test_threads_share_one_login(site: Sshd, reach: Open) -> None:
    before = site.logins()
    transport = reach(site.ssh())
    said: list[str] = []
    threads = [
        threading.Thread(target=lambda n=n: said.append(transport.run(f"echo {n}").stdout))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(said) == [f"{n}\n" for n in range(8)]
    assert site.logins() == before + 1


@pytest.mark.parametrize("how", ["rst", "fin"])
def test_a_connection_that_broke_between_two_scripts_is_made_anew(
    site: Sshd, reach: Open, how: str
) -> None:
    with cutting_proxy(site.port) as proxy:
        transport = reach(site.ssh(port=proxy.port))
        transport.run("true")
        proxy.cut_now(how)
        time.sleep(0.3)
        assert transport.run("echo again").stdout == "again\n"
        assert proxy.connections == 2


@pytest.mark.parametrize("seed", range(12))
def test_a_script_whose_connection_is_cut_anywhere_gives_no_answer(
    site: Sshd, reach: Open, seed: int
) -> None:
    script = "seq 1 4000\n# " + "x" * 20_000
    with cutting_proxy(site.port, seed) as proxy:
        transport = reach(site.ssh(port=proxy.port))
        transport.run("true")
        sent, got = proxy.client_bytes, proxy.server_bytes
        whole = transport.run(script)
        sent, got = proxy.client_bytes - sent, proxy.server_bytes - got
        assert whole.stdout.endswith("\n4000\n")
        # Less than the whole, by what tells the end: the last words count for nothing.
        where = proxy.cut_somewhere(client_bytes=sent - 200, server_bytes=got - 200)
        with pytest.raises(UnreachableError, match="cluster site: connection failed"):
            transport.run(script)
        assert proxy.cuts == 1, where
        assert transport.run(script) == whole


def test_output_that_is_cut_after_the_exit_status_is_no_answer(site: Sshd, reach: Open) -> None:
    """The shell ends at once; a child of it goes on to write to the same output."""
    with cutting_proxy(site.port) as proxy:
        transport = reach(site.ssh(port=proxy.port))
        script = "(sleep 1.5; echo the rest) & echo half; exit 0"
        assert transport.run(script).stdout == "half\nthe rest\n"
        threading.Timer(0.7, proxy.cut_now).start()
        with pytest.raises(UnreachableError):
            transport.run(script)


def test_a_silent_line_is_given_up_in_time_and_replaced(site: Sshd, reach: Open) -> None:
    with cutting_proxy(site.port) as proxy:
        transport = reach(site.ssh(port=proxy.port))
        transport.run("true")
        threading.Timer(0.3, proxy.cut_now, ["hang"]).start()
        begin = time.monotonic()
        with pytest.raises(UnreachableError, match="no answer in time"):
            transport.run("sleep 1; echo late", timeout=2)
        assert time.monotonic() - begin < 5
        assert transport.run("echo again").stdout == "again\n"
        assert proxy.connections == 2


def test_a_shell_that_is_killed_gives_no_answer(site: Sshd, reach: Open) -> None:
    transport = reach(site.ssh())
    with pytest.raises(UnreachableError):
        transport.run("echo half; kill -KILL $$")


def test_a_host_that_does_not_listen_may_do_so_later(site: Sshd, reach: Open) -> None:
    with cutting_proxy(site.port) as proxy:
        ssh = site.ssh(port=proxy.port)
    with pytest.raises(UnreachableError, match=f"cluster site: 127.0.0.1:{ssh.port}: cannot"):
        reach(ssh).run("true")


def test_a_login_that_is_cut_anywhere_is_no_refusal(site: Sshd, reach: Open) -> None:
    with cutting_proxy(site.port) as proxy:
        ssh = site.ssh(port=proxy.port)
        reach(ssh).run("true")
        sent, got = proxy.client_bytes, proxy.server_bytes
        for number in range(8):
            proxy.cut_after(server_bytes=got * number // 8, how="fin" if number % 2 else "rst")
            with pytest.raises(UnreachableError):
                reach(ssh).run("true")
            proxy.cut_after(client_bytes=sent * number // 8, how="rst" if number % 2 else "fin")
            with pytest.raises(UnreachableError):
                reach(ssh).run("true")
        assert proxy.cuts == 16


# -- host keys -------------------------------------------------------------------------------------


def test_a_changed_host_key_stops_at_once_and_shows_both_fingerprints(
    site: Sshd, tmp_path: Path
) -> None:
    other = make_key(tmp_path / "other")
    kind, key = other.with_suffix(".pub").read_text().split()[:2]
    with cutting_proxy(site.port) as proxy:
        known_hosts = tmp_path / "known_hosts"
        known_hosts.write_text(f"[127.0.0.1]:{proxy.port} {kind} {key}\n")
        cluster = open_cluster(as_file(site.ssh(port=proxy.port, known_hosts=known_hosts)))
        with pytest.raises(HostKeyError) as caught, cluster:
            cluster.put(other, "/w/file")
        assert proxy.connections == 1
    message = str(caught.value)
    assert fingerprint(other) in message
    assert fingerprint(site.folder / "host.pub") in message
    assert str(known_hosts) in message
    assert "\n" not in message


def test_an_unknown_host_is_refused_with_its_fingerprint(
    site: Sshd, reach: Open, tmp_path: Path
) -> None:
    with pytest.raises(HostKeyError, match="compare it with what the site publishes") as caught:
        reach(site.ssh(known_hosts=tmp_path / "none")).run("true")
    assert fingerprint(site.folder / "host.pub") in str(caught.value)


def test_a_damaged_known_hosts_file_is_named(site: Sshd, reach: Open, tmp_path: Path) -> None:
    known_hosts = tmp_path / "known_hosts"
    known_hosts.write_text("somewhere ssh-ed25519 AAAA#\n")
    with pytest.raises(HostKeyError, match=str(known_hosts)):
        reach(site.ssh(known_hosts=known_hosts)).run("true")


def test_a_pinned_key_needs_no_known_hosts(site: Sshd, reach: Open, tmp_path: Path) -> None:
    ssh = site.ssh(known_hosts=tmp_path / "none", host_key=f"{site.host_key} a comment")
    assert reach(ssh).run("echo in").stdout == "in\n"


def test_a_pinned_key_counts_before_known_hosts(site: Sshd, reach: Open, tmp_path: Path) -> None:
    other = make_key(tmp_path / "other").with_suffix(".pub")
    ssh = site.ssh(host_key=other.read_text().strip())
    with pytest.raises(HostKeyError, match=r"replace it in ssh\.host_key") as caught:
        reach(ssh).run("true")
    assert fingerprint(other) in str(caught.value)
    assert fingerprint(site.folder / "host.pub") in str(caught.value)


# -- logging in ------------------------------------------------------------------------------------


def test_a_key_that_the_host_does_not_know_is_refused_for_good(site: Sshd, tmp_path: Path) -> None:
    other = make_key(tmp_path / "other")
    with cutting_proxy(site.port) as proxy:
        cluster = open_cluster(as_file(site.ssh(port=proxy.port, key_file=other)))
        with pytest.raises(LoginError, match="it accepts none of 1 keys") as caught, cluster:
            cluster.put(other, "/w/file")
        assert proxy.connections == 1
    assert issubclass(LoginError, AccessError)
    assert "\n" not in str(caught.value)


def test_a_user_whom_the_host_does_not_know_is_refused(site: Sshd, reach: Open) -> None:
    with pytest.raises(LoginError, match="login of nobody-here refused"):
        reach(site.ssh(user="nobody-here")).run("true")


def test_a_key_file_that_is_not_there_is_named(site: Sshd, reach: Open, tmp_path: Path) -> None:
    with pytest.raises(LoginError, match=f"{tmp_path}/none .*No such file"):
        reach(site.ssh(key_file=tmp_path / "none")).run("true")


def test_the_usual_key_files_are_tried_without_a_key_file(
    site: Sshd, reach: Open, tmp_path: Path
) -> None:
    with pytest.raises(LoginError, match="there is no key"):
        reach(site.ssh(key_file=None)).run("true")
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "id_ed25519").write_bytes((site.folder / "id").read_bytes())
    assert reach(site.ssh(key_file=None)).run("echo in").stdout == "in\n"


@pytest.fixture
def locked(site: Sshd, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A key with a passphrase that the site accepts."""
    key = make_key(
        tmp_path / "locked", kind=getattr(request, "param", "ed25519"), passphrase=SECRET
    )
    allowed = site.folder / "authorized_keys"
    before = allowed.read_text()
    allowed.write_text(before + key.with_suffix(".pub").read_text())
    yield key
    allowed.write_text(before)


@pytest.mark.parametrize("locked", ["ed25519", "rsa", "ecdsa"], indirect=True)
def test_a_passphrase_comes_from_the_environment_and_is_told_nowhere(
    site: Sshd, reach: Open, locked: Path, monkeypatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("NB_PASSPHRASE", SECRET)
    caplog.set_level(logging.DEBUG)
    ssh = site.ssh(key_file=locked, passphrase_env="NB_PASSPHRASE")
    transport = reach(ssh)
    commands = transport.run("cat /proc/[0-9]*/cmdline; env").stdout
    assert SECRET not in commands
    assert SECRET not in caplog.text
    assert SECRET not in repr((ssh, vars(transport)))


def test_a_wrong_passphrase_is_refused_without_being_told(
    site: Sshd, reach: Open, locked: Path, monkeypatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("NB_PASSPHRASE", SECRET + "x")
    caplog.set_level(logging.DEBUG)
    with pytest.raises(LoginError, match=f"{locked} is not opened by the passphrase") as caught:
        reach(site.ssh(key_file=locked, passphrase_env="NB_PASSPHRASE")).run("true")
    assert SECRET not in str(caught.value) + caplog.text
    assert caught.value.__cause__ is None


def test_a_passphrase_that_is_missing_is_asked_for(site: Sshd, reach: Open, locked: Path) -> None:
    with pytest.raises(LoginError, match=r"has a passphrase: .*ssh-add"):
        reach(site.ssh(key_file=locked)).run("true")
    with pytest.raises(LoginError, match="the variable that passphrase_env names is not set"):
        reach(site.ssh(key_file=locked, passphrase_env="NB_NONE")).run("true")


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], None]]:
    """An ssh-agent; call it with a key without passphrase to add it."""
    require("ssh-agent")
    socket = tmp_path / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL)
    while not socket.exists():
        time.sleep(0.02)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))

    def add(key: Path) -> None:
        subprocess.run(["ssh-add", "-q", key], check=True, stderr=subprocess.DEVNULL)

    yield add
    process.terminate()
    process.wait(10)


def test_the_agent_gives_a_key(site: Sshd, reach: Open, agent) -> None:
    agent(site.folder / "id")
    assert reach(site.ssh(key_file=None)).run("echo in").stdout == "in\n"


def test_of_many_keys_of_the_agent_the_named_one_comes_first(
    site: Sshd, reach: Open, agent, locked: Path, tmp_path: Path
) -> None:
    """A server listens to six keys; the file's passphrase is known to the agent alone."""
    for number in range(8):
        agent(make_key(tmp_path / f"k{number}"))
    opened = tmp_path / "opened"
    opened.write_bytes(locked.read_bytes())
    opened.chmod(0o600)
    change = ["ssh-keygen", "-q", "-p", "-P", SECRET, "-N", "", "-f", opened]
    subprocess.run(change, check=True, stdout=subprocess.DEVNULL)
    agent(opened)
    assert reach(site.ssh(key_file=locked)).run("echo in").stdout == "in\n"


def test_a_site_that_wants_more_than_a_key_says_so(reach: Open, tmp_path: Path) -> None:
    more = "AuthenticationMethods publickey,password\nPasswordAuthentication yes\n"
    with (
        running_sshd(tmp_path / "s", config=more) as server,
        pytest.raises(LoginError, match="besides the key it asks for password"),
    ):
        reach(server.ssh()).run("true")


# -- noise -----------------------------------------------------------------------------------------

NOISE = """
echo 'Welcome! BEGIN-0123456789 END-0123456789 0'
printf 'no newline at the end of %s' "this | noise"
echo 'module: loaded nothing' >&2
cd /
"""


@pytest.fixture
def noisy(tmp_path: Path) -> Iterator[Sshd]:
    (tmp_path / "banner").write_text("Authorised use only.\n" * 50)
    config = f"Banner {tmp_path}/banner\nPrintLastLog yes\n{SFTP}"
    with running_sshd(tmp_path / "s", config=config) as server:
        (server.folder / "home" / ".bashrc").write_text(NOISE)
        yield server


def test_a_banner_and_a_bashrc_that_talks_are_not_in_the_answer(
    noisy: Sshd, reach: Open, tmp_path: Path
) -> None:
    assert "Welcome" in reach(noisy.ssh()).run("echo bare").stdout, "the .bashrc was not read"
    file = as_file(noisy.ssh()).model_copy(update={"root": str(tmp_path / "w")})
    with open_cluster(file) as cluster:
        assert cluster.run("echo in; exit 3").stdout == "in\n"
        assert cluster.run("exit 3").exit_code == 3
        cluster.put(noisy.folder / "id.pub", cluster.path("file"))
        (back,) = cluster.fetch(cluster.path(), "file", tmp_path / "back")
        assert back.read_bytes() == (noisy.folder / "id.pub").read_bytes()


def test_noise_before_sftp_is_named(tmp_path: Path, reach: Open) -> None:
    """An SFTP server that is a program of its own is started by the shell, and its noise."""
    program = require("/usr/lib/openssh/sftp-server")
    with running_sshd(tmp_path / "s", config=f"Subsystem sftp {program}\n") as server:
        (server.folder / "home" / ".bashrc").write_text("echo hello\n")
        with pytest.raises(ClusterError, match=r"something talks before SFTP does; .*\.bashrc"):
            reach(server.ssh()).put(server.folder / "id", str(tmp_path / "file"))


def test_a_site_without_sftp_is_named(tmp_path: Path, reach: Open) -> None:
    with running_sshd(tmp_path / "s", config="") as server:
        transport = reach(server.ssh())
        with pytest.raises(ClusterError, match="no SFTP there; ask the site"):
            transport.put(server.folder / "id", str(tmp_path / "file"))
        assert transport.run("echo in").stdout == "in\n"


def test_nothing_stays_open(site: Sshd, reach: Open) -> None:
    """Refused and broken connections leave no thread and no open file behind."""
    threads, files = threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        with pytest.raises(LoginError):
            reach(site.ssh(user="nobody-here")).run("true")
    deadline = time.monotonic() + 5
    while threading.active_count() > threads and time.monotonic() < deadline:
        time.sleep(0.05)
    assert threading.active_count() <= threads
    assert len(list(Path("/proc/self/fd").iterdir())) <= files
