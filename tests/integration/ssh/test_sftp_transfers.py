"""Files over a real SFTP: whole or not at all, resumed after a cut, few round trips."""

from __future__ import annotations

import contextlib
import os
import random
import threading
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from nepsbench.cluster import Completed, files
from nepsbench.cluster.files import fetch_files, list_files, put_files
from nepsbench.cluster.hops import route
from nepsbench.cluster.local import LocalTransport
from nepsbench.cluster.login import log_in
from nepsbench.cluster.ssh import SSHTransport
from nepsbench.errors import ClusterError, UnreachableError
from tests.integration.cutting_proxy import CuttingProxy, cutting_proxy
from tests.integration.own_sshd import Sshd

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning"),
]

SIZE = 12_000_000
#: What may be under way when a connection breaks, and is lost with it, and what paramiko may ask
#: for twice where answers are faster than its questions: a window of 4 MB each; in bytes.
SLACK = 4_500_000
NASTY = (
    "a b'c\"d\ne $(touch pwned) `touch pwned` ; & | * \\ ~ % é",
    "-rf",
    " ends in a space ",
    "new\nline",
    "tab\tand .part of a name",
)


class CountingTransport(SSHTransport):
    """Counts what it is asked for.

    Attributes:
        scripts, puts, gets: How many there were.
    """

    scripts = puts = gets = 0

    def run(self, script: str, *, timeout: float = 60.0) -> Completed:
        self.scripts += 1
        return super().run(script, timeout=timeout)

    def put(self, source: Path, target: str) -> None:
        self.puts += 1
        super().put(source, target)

    def get(self, source: str, target: Path) -> None:
        self.gets += 1
        super().get(source, target)


Open = Callable[..., CountingTransport]


@pytest.fixture
def reach(site: Sshd) -> Iterator[Open]:
    opened: list[CountingTransport] = []

    def reach(port: int = 0) -> CountingTransport:
        ssh = site.ssh(port=port or site.port)
        opened.append(CountingTransport("there", lambda: log_in(route(ssh), ssh.known_hosts)))
        return opened[-1]

    yield reach
    for transport in opened:
        transport.close()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(files, "_PAUSES", (0.05, 0.2))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(random.Random(1).randbytes(SIZE))
    return path


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """A folder of the cluster, which happens to be here."""
    return tmp_path / "there 'and' $(so) on"


def part_of(source: Path, target: Path) -> Path:
    """Return the temporary name under which ``source`` arrives."""
    digest = sha256(source.read_bytes()).hexdigest()[:12]
    return target.with_name(f"{target.name}.{digest}.part")


def parts(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.name.endswith(".part")]


def give_up_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_PAUSES", ())


def lose_midway(
    proxy: CuttingProxy, action: Callable[[], object], monkeypatch: pytest.MonkeyPatch, **cut: int
) -> None:
    """Let ``action`` fail by a cut, as if its process had been lost then."""
    with monkeypatch.context() as patch:
        give_up_at_once(patch)
        proxy.cut_after(**cut)
        with pytest.raises(UnreachableError):
            action()
    assert proxy.cuts


# -- there -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_a_cut_at_any_byte_of_sending_is_made_good(
    site: Sshd, reach: Open, source: Path, there: Path, seed: int
) -> None:
    with cutting_proxy(site.port, seed) as proxy:
        transport = reach(proxy.port)
        where = proxy.cut_somewhere(client_bytes=SIZE, server_bytes=5_000)
        put_files(transport, [(source, f"{there}/file")])
        assert proxy.cuts == 1, where
        assert (there / "file").read_bytes() == source.read_bytes(), where
        assert parts(there) == [], where
        assert proxy.client_bytes < SIZE + SLACK, where


def test_sending_that_was_lost_midway_goes_on_there(
    site: Sshd, reach: Open, source: Path, there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = [(source, f"{there}/file")]
    with cutting_proxy(site.port) as proxy:
        lost = reach(proxy.port)
        lose_midway(proxy, lambda: put_files(lost, pairs), monkeypatch, client_bytes=9_000_000)
        arrived = part_of(source, there / "file").stat().st_size
        assert 9_000_000 - SLACK < arrived < SIZE
        assert not (there / "file").exists()
        before = proxy.client_bytes
        put_files(reach(proxy.port), pairs)
        assert proxy.client_bytes - before < SIZE - arrived + 200_000
    assert (there / "file").read_bytes() == source.read_bytes()
    assert parts(there) == []


@pytest.mark.parametrize("found", [b"", b"x" * 1000, b"x" * SIZE, b"x" * (SIZE + 1)])
def test_what_else_stands_at_the_temporary_name_is_thrown_away(
    reach: Open, source: Path, there: Path, found: bytes
) -> None:
    there.mkdir()
    part_of(source, there / "file").write_bytes(found)
    put_files(reach(), [(source, f"{there}/file")])
    assert (there / "file").read_bytes() == source.read_bytes()
    assert parts(there) == []


def test_what_is_there_already_is_not_sent_again(reach: Open, source: Path, there: Path) -> None:
    transport = reach()
    put_files(transport, [(source, f"{there}/file")])
    (there / "file").with_name(part_of(source, there / "file").name).touch()
    before = (there / "file").stat()
    put_files(transport, [(source, f"{there}/file")])
    assert (transport.puts, transport.scripts) == (1, 3)
    after = (there / "file").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert parts(there) == []


def test_an_older_file_is_replaced_whole(reach: Open, source: Path, there: Path) -> None:
    there.mkdir()
    (there / "file").write_bytes(b"y" * SIZE)
    put_files(reach(), [(source, f"{there}/file")])
    assert (there / "file").read_bytes() == source.read_bytes()


def test_a_lost_answer_to_the_last_step_is_no_loss(
    site: Sshd, reach: Open, source: Path, there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file got its name, and nobody was told."""
    with cutting_proxy(site.port) as proxy:
        transport = reach(proxy.port)
        settle = files._settle

        def settle_unheard(*arguments: object) -> list[str]:
            monkeypatch.setattr(files, "_settle", settle)
            settle(*arguments)  # type: ignore[arg-type]
            raise UnreachableError("the answer was lost")

        monkeypatch.setattr(files, "_settle", settle_unheard)
        put_files(transport, [(source, f"{there}/file")])
        assert transport.puts == 1
    assert (there / "file").read_bytes() == source.read_bytes()


def test_two_that_send_the_same_do_each_other_no_harm(
    reach: Open, source: Path, there: Path
) -> None:
    errors: list[Exception] = []

    def send() -> None:
        try:
            put_files(reach(), [(source, f"{there}/{n}") for n in range(3)])
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert all((there / str(n)).read_bytes() == source.read_bytes() for n in range(3))
    assert parts(there) == []


def test_many_small_files_take_few_scripts(
    reach: Open, tmp_path: Path, there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_BATCH", 50)
    transport = reach()
    sources = [tmp_path / f"s{n}" for n in range(60)]
    for number, path in enumerate(sources):
        path.write_text(str(number) * (number % 7))
    pairs = [(path, f"{there}/{n % 9}/{n}") for n, path in enumerate(sources)]
    put_files(transport, pairs)
    assert transport.scripts == 4, "two for each batch"
    fetched = fetch_files(transport, str(there), "*", tmp_path / "back")
    assert transport.scripts == 7, "one to list them, one for each batch"
    assert len(fetched) == 60
    for number, path in enumerate(sources):
        assert (tmp_path / "back" / f"{number % 9}" / f"{number}").read_bytes() == path.read_bytes()


def test_a_script_does_not_wait_for_a_file_that_takes_long(reach: Open, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    transport = reach()
    transport.run("true")

    def send() -> None:
        with contextlib.suppress(ClusterError):
            transport.put(pipe, str(tmp_path / "x"))

    sending = threading.Thread(target=send)
    sending.start()
    assert transport.run("echo done", timeout=10).stdout == "done\n"
    assert sending.is_alive()
    pipe.write_bytes(b"x")
    sending.join(10)
    assert not sending.is_alive()


def test_a_folder_that_may_not_be_written_is_an_error_at_once(
    reach: Open, source: Path, there: Path
) -> None:
    there.write_text("no folder")
    transport = reach()
    with pytest.raises(ClusterError, match=r"on the cluster: .*mkdir"):
        put_files(transport, [(source, f"{there}/file")])
    assert transport.scripts == 1


def test_a_folder_at_the_files_name_is_an_error(reach: Open, source: Path, there: Path) -> None:
    (there / "file").mkdir(parents=True)
    with pytest.raises(ClusterError, match=r"on the cluster: .*directory"):
        put_files(reach(), [(source, f"{there}/file")])
    assert list((there / "file").iterdir()) == []


def test_a_source_that_is_missing_is_named(reach: Open, tmp_path: Path) -> None:
    transport = reach()
    with pytest.raises(ClusterError, match=r"cannot copy .*/none to .*No such file"):
        transport.put(tmp_path / "none", str(tmp_path / "x"))
    with pytest.raises(ClusterError, match=r"cannot copy .*/none to .*No such file"):
        transport.get(str(tmp_path / "none"), tmp_path / "x")
    assert transport.run("echo whole").stdout == "whole\n"


def test_a_full_disk_there_is_told(reach: Open, source: Path) -> None:
    with pytest.raises(ClusterError, match=r"cannot copy .* is the disk there full?"):
        reach().put(source, "/dev/full")


# -- and back --------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_a_cut_at_any_byte_of_fetching_is_made_good(
    site: Sshd, reach: Open, source: Path, tmp_path: Path, seed: int
) -> None:
    with cutting_proxy(site.port, seed) as proxy:
        transport = reach(proxy.port)
        where = proxy.cut_somewhere(client_bytes=5_000, server_bytes=SIZE)
        fetched = fetch_files(transport, str(tmp_path), "source", tmp_path / "back")
        assert proxy.cuts == 1, where
        assert [path.read_bytes() for path in fetched] == [source.read_bytes()], where
        assert parts(tmp_path) == [], where
        assert proxy.connections == 2, where


def test_fetching_that_was_lost_midway_goes_on_there(
    site: Sshd, reach: Open, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(transport: CountingTransport) -> list[Path]:
        return fetch_files(transport, str(tmp_path), "source", tmp_path / "back")

    with cutting_proxy(site.port) as proxy:
        lost = reach(proxy.port)
        lose_midway(proxy, lambda: fetch(lost), monkeypatch, server_bytes=9_000_000)
        arrived = (tmp_path / "back" / "source.part").stat().st_size
        assert 9_000_000 - SLACK < arrived < SIZE
        assert not (tmp_path / "back" / "source").exists()
        before = proxy.server_bytes
        (fetched,) = fetch(reach(proxy.port))
        assert proxy.server_bytes - before < SIZE - arrived + SLACK < SIZE
    assert fetched.read_bytes() == source.read_bytes()
    assert list((tmp_path / "back").iterdir()) == [fetched]


@pytest.mark.parametrize("found", [b"", b"x" * 1000, b"x" * SIZE, b"x" * (SIZE + 1)])
def test_what_else_stands_at_the_temporary_name_here_is_thrown_away(
    reach: Open, source: Path, tmp_path: Path, found: bytes
) -> None:
    back = tmp_path / "back"
    back.mkdir()
    (back / "source.part").write_bytes(found)
    (back / "source").write_bytes(b"older")
    (fetched,) = fetch_files(reach(), str(tmp_path), "source", back)
    assert fetched.read_bytes() == source.read_bytes()
    assert list(back.iterdir()) == [fetched]


def test_a_file_that_grows_meanwhile_arrives_as_a_beginning(
    reach: Open, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    get = CountingTransport.get

    def grow_and_get(self: CountingTransport, name: str, target: Path) -> None:
        with source.open("ab") as file:
            file.write(b"more")
        get(self, name, target)
        with source.open("ab") as file:
            file.write(b"and more")

    monkeypatch.setattr(CountingTransport, "get", grow_and_get)
    (fetched,) = fetch_files(reach(), str(tmp_path), "source", tmp_path / "back")
    assert fetched.stat().st_size >= SIZE
    assert source.read_bytes().startswith(fetched.read_bytes())


def test_two_that_fetch_the_same_wait_for_each_other(
    reach: Open, source: Path, tmp_path: Path
) -> None:
    back, errors = tmp_path / "back", []

    def fetch() -> None:
        try:
            fetch_files(reach(), str(tmp_path), "source", back)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=fetch) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert [path.name for path in back.iterdir()] == ["source"]
    assert (back / "source").read_bytes() == source.read_bytes()


def test_a_connection_that_falls_silent_is_given_up_and_replaced(
    site: Sshd, reach: Open, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nepsbench.cluster.ssh._FILE_TIMEOUT", 0.5)
    with cutting_proxy(site.port) as proxy:
        transport = reach(proxy.port)
        proxy.cut_after(server_bytes=1_000_000, how="hang")
        (fetched,) = fetch_files(transport, str(tmp_path), "source", tmp_path / "back")
        proxy.cut_after(client_bytes=1_000_000, how="hang")
        put_files(transport, [(source, f"{tmp_path}/sent")])
        assert (proxy.cuts, proxy.connections) == (2, 3)
    assert fetched.read_bytes() == (tmp_path / "sent").read_bytes() == source.read_bytes()


# -- names -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["ssh", "local"])
def test_no_name_is_read_by_a_shell(reach: Open, tmp_path: Path, transport: str) -> None:
    way = reach() if transport == "ssh" else LocalTransport()
    folder = tmp_path / NASTY[0]
    pairs = []
    for number, name in enumerate(NASTY):
        path = tmp_path / f"source{number}"
        path.write_bytes(os.urandom(1000))
        pairs.append((path, f"{folder}/{name}/{name}"))
    put_files(way, pairs)
    assert list_files(way, str(folder), "*") == sorted(f"{name}/{name}" for name in NASTY)
    fetched = fetch_files(way, str(folder), "*", tmp_path / "back")
    assert len(fetched) == len(NASTY)
    for (path, _), name in zip(pairs, NASTY, strict=True):
        assert (tmp_path / "back" / name / name).read_bytes() == path.read_bytes()
    assert list_files(way, str(folder), "$(touch pwned)") == []
    assert [path for path in tmp_path.rglob("*") if path.name == "pwned"] == []
    assert not (Path.home() / "pwned").exists()
