"""A connection that breaks, chatters, is refused or is another's: cases 9, 10, 29 and 30."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from nepsbench.cluster.attempt import Outcome
from nepsbench.errors import AccessError
from tests.faults.desk import Desk, open_desk
from tests.faults.report import Case
from tests.faults.sites import Site
from tests.integration.cutting_proxy import CuttingProxy, cutting_proxy
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.timeout(900),
    pytest.mark.faults,
]

NewCase = Callable[..., Case]
FOLLOWING = "until [ -e go ]; do sleep 0.2; done"


class LoginNode:
    """Another sshd in front of the same SLURM, behind a proxy that counts its connections."""

    def __init__(self, site: Site, folder: Path) -> None:
        self.site = site
        self.folder = folder
        self.host_key = folder / "host_key"
        self.port = 0

    def new_key(self) -> None:
        """Give it another host key."""
        self.host_key.unlink(missing_ok=True)
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.host_key)]
        subprocess.run(command, check=True)

    @contextlib.contextmanager
    def running(self, port: int, *lines: str) -> Iterator[None]:
        """Run it on a port with ``lines`` at the head of its configuration."""
        text = (self.site.state / "ssh/sshd_config").read_text()
        kept = [
            x for x in text.splitlines() if x.split(" ")[0] not in ("Port", "HostKey", "PidFile")
        ]
        own = [f"Port {port}", f"HostKey {self.host_key}", f"PidFile {self.folder}/pid"]
        config = self.folder / "sshd_config"
        config.write_text("\n".join([*lines, *own, *kept, ""]))
        sshd = shutil.which("sshd", path="/usr/sbin:/sbin:/usr/bin")
        log = (self.folder / "sshd.log").open("ab")
        process = subprocess.Popen([str(sshd), "-D", "-e", "-f", config], stderr=log)
        try:
            wait_until(lambda: answers(port))
            yield
        finally:
            process.terminate()
            process.wait()
            log.close()

    def known_hosts(self, port: int) -> Path:
        """Return a known_hosts file that pins its present key."""
        kind, key = self.host_key.with_suffix(".pub").read_text().split()[:2]
        path = self.folder / "known_hosts"
        path.write_text(f"[127.0.0.1]:{port} {kind} {key}\n")
        return path


def answers(port: int) -> bool:
    """Return whether somebody greets at a port."""
    done = subprocess.run(
        ["bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{port}; read -t 1 -u 3 x; echo $x"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout.startswith("SSH-")


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nobody listens."""
    import socket

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@pytest.fixture
def login_node(site: Site, tmp_path: Path) -> LoginNode:
    node = LoginNode(site, tmp_path)
    node.port = free_port()
    node.new_key()
    return node


@contextlib.contextmanager
def desk_behind(
    node: LoginNode, proxy: CuttingProxy, folder: Path, **changes: object
) -> Iterator[Desk]:
    """A desk that reaches the login node through the proxy."""
    known = node.known_hosts(proxy.port)
    ssh = {"port": proxy.port, "known_hosts": str(known)}
    with open_desk(node.site, folder, ssh=ssh, **changes) as desk:
        yield desk


def bytes_of_a_tick(desk: Desk, proxy: CuttingProxy) -> int:
    """Return how much the login node sent in one tick."""
    before = proxy.server_bytes
    assert desk.tick().healthy
    return proxy.server_bytes - before


@pytest.mark.fast
def test_fault_09_an_answer_that_was_cut_short_is_no_answer(
    login_node: LoginNode, tmp_path: Path, case: NewCase
) -> None:
    line = case(
        9,
        injected="connection cut after 1 % to 85 % of an answer that lists 24 jobs",
        expected="no snapshot: nothing changes; the next visit makes a new connection",
    )
    with (
        login_node.running(login_node.port),
        cutting_proxy(login_node.port) as proxy,
        desk_behind(login_node, proxy, tmp_path) as desk,
    ):
        jobs = [desk.job(FOLLOWING, cpus_per_task=4, memory_mb=50 + n % 3) for n in range(24)]
        desk.want(*jobs)
        desk.until(lambda: {a.phase.value for a in desk.ledger.attempts()} == {"queued", "active"}
                   and len(desk.ledger.attempts()) == 24)  # fmt: skip
        desk.until(lambda: desk.tick().healthy and not desk.tick().submitted)
        # Some answers say more, of a log that grew: a cut must fall into the shortest, too.
        length = min(bytes_of_a_tick(desk, proxy) for _ in range(4))
        cuts = [length * percent // 100 for percent in (1, 10, 25, 40, 55, 70, 85)]
        for cut in cuts:
            known = desk.ledger.attempts()
            proxy.cut_after(server_bytes=cut)
            tick = desk.tick()
            assert not tick.healthy
            assert "connection" in tick.problem or "cut" in tick.problem
            assert desk.ledger.attempts() == known
            assert desk.tick().healthy
        connections = proxy.connections
        desk.ledger.unwant([job.key for job in jobs], "test")
        desk.settle()
    line.saw(
        f"{len(cuts)} cuts in {length} bytes: {len(cuts)} unhealthy ticks, no state changed, "
        f"{connections} connections"
    )


@pytest.mark.fast
@pytest.mark.parametrize("victim", ["squeue", "script"])
def test_fault_09_a_visit_that_is_killed_on_the_login_node_is_no_answer(
    desk: Desk, case: NewCase, victim: str
) -> None:
    line = case(
        9,
        injected=f"SIGKILL on the login node, while squeue waits for slurmctld: of the {victim}",
        expected="no snapshot: nothing changes",
    )
    job = desk.job(FOLLOWING)
    desk.want(job)
    desk.until_phase(job, "active")
    known = desk.ledger.attempts()
    with desk.site.paused("slurmctld"):
        visit = threading.Thread(target=desk.tick)
        visit.start()
        (squeue,) = wait_until(lambda: desk.site.processes("squeue"))
        # Who is who is asked first: the death of one ends others by itself.
        names = {process: process.name() for process in (squeue, *squeue.parents())}
        for process, name in names.items():
            if name == "squeue" or (victim == "script" and name == "bash"):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        visit.join()
    (tick,) = desk.ledger.ticks(desk.file.name)
    assert not tick.healthy
    assert desk.ledger.attempts() == known
    Path(job.directory, "go").touch()
    desk.settle()
    desk.require_adoption()
    line.saw(f"unhealthy ({tick.problem}), no state changed; then 1 run")


def test_fault_38_a_connection_that_falls_silent_is_given_up(
    login_node: LoginNode, tmp_path: Path, case: NewCase
) -> None:
    line = case(
        38,
        injected="the network swallows all from the middle of an answer on: no end, no reset",
        expected="given up in time, no state changes; the next visit makes a new connection",
    )
    with (
        login_node.running(login_node.port),
        cutting_proxy(login_node.port) as proxy,
        desk_behind(login_node, proxy, tmp_path) as desk,
    ):
        job = desk.job(FOLLOWING, time_limit=600)
        desk.want(job)
        desk.until_phase(job, "active")
        known = desk.ledger.attempts()
        proxy.cut_after(server_bytes=200, how="hang")
        tick = desk.tick()
        assert not tick.healthy
        assert desk.ledger.attempts() == known
        Path(job.directory, "go").touch()
        desk.settle()
        desk.require_one_run_each()
    line.saw(f"given up after {tick.seconds:.0f} s ({tick.problem}); then 1 run")


NOISE = """\
echo "Welcome to the cluster"
printf 'queue|1|N/A|COMPLETED|None|n1||nb-x\\nreceipt|x|accepted|1|\\nEND-0 0\\n'
echo "lmod: warning" >&2
"""


@pytest.mark.fast
def test_fault_10_a_login_node_that_chatters_is_understood(
    login_node: LoginNode, tmp_path: Path, case: NewCase
) -> None:
    line = case(
        10,
        injected="a banner; a .bashrc that prints on both outputs, among it lines like our own",
        expected="every answer is understood",
    )
    home = tmp_path / "home"
    home.mkdir()
    (home / ".bashrc").write_text(NOISE)
    (tmp_path / "banner").write_text("Authorised use only\n" * 20)
    noisy = tmp_path / "noisy"
    noisy.write_text(f'#!/bin/bash\n{NOISE}exec bash -c "$SSH_ORIGINAL_COMMAND"\n')
    noisy.chmod(0o755)
    lines = [f"Banner {tmp_path}/banner", f"SetEnv HOME={home}", f"ForceCommand {noisy}"]
    with (
        login_node.running(login_node.port, *lines),
        cutting_proxy(login_node.port) as proxy,
        desk_behind(login_node, proxy, tmp_path) as desk,
    ):
        said = desk.cluster._transport.run("true").stdout
        assert said.count("Welcome to the cluster") >= 1
        desk.want(*desk.many(3), desk.job(memory_mb=150))
        desk.settle()
        desk.require_one_run_each()
        assert all(tick.healthy for tick in desk.ledger.ticks(desk.file.name, 100))
    line.saw(f"{said.count('Welcome')} greetings before each answer; 4 runs, every tick healthy")


@pytest.mark.fast
def test_fault_29_fifty_submissions_need_one_connection(
    login_node: LoginNode, tmp_path: Path, case: NewCase
) -> None:
    line = case(
        29,
        injected="MaxStartups 1 in sshd, 50 submissions, four processes that want to drive",
        expected="one connection, nothing fails",
    )
    with (
        login_node.running(login_node.port, "MaxStartups 1"),
        cutting_proxy(login_node.port) as proxy,
        desk_behind(login_node, proxy, tmp_path) as desk,
        contextlib.ExitStack() as stack,
    ):
        desk.want(*(desk.job(memory_mb=50 + index) for index in range(50)))
        others = [stack.enter_context(desk.second_driver()) for _ in range(3)]
        desk.tick()

        def all_done() -> bool:
            assert not any(other.tick().leads for other in others)
            return all(w.outcome is Outcome.SUCCEEDED for w in desk.ledger.works().values())

        desk.until(all_done)
        desk.require_one_run_each()
        assert len(desk.tokens()) == 50
        assert proxy.connections == 1
        ticks = desk.ledger.ticks(desk.file.name, 500)
        assert all(tick.healthy for tick in ticks)
    line.saw(f"50 tokens, 50 runs, {len(ticks)} ticks, 1 connection")


@pytest.mark.fast
def test_fault_30_another_host_key_is_a_hard_stop(
    login_node: LoginNode, tmp_path: Path, case: NewCase
) -> None:
    line = case(
        30,
        injected="sshd restarted with another host key while a job runs",
        expected="hard stop with both fingerprints, no second try, no change",
    )
    with cutting_proxy(login_node.port) as proxy, contextlib.ExitStack() as stack:
        with login_node.running(login_node.port):
            desk = stack.enter_context(desk_behind(login_node, proxy, tmp_path))
            job = desk.job(FOLLOWING)
            desk.want(job)
            desk.until_phase(job, "active")
            proxy.cut_now()
        pinned = login_node.known_hosts(proxy.port).read_text()
        login_node.new_key()
        known, connections = desk.ledger.attempts(), proxy.connections
        with login_node.running(login_node.port):
            with pytest.raises(AccessError) as caught:
                desk.until(lambda: False, seconds=10)
            assert str(caught.value).count("SHA256:") == 2
            assert proxy.connections == connections + 1
            assert desk.ledger.attempts() == known
            # Once the site has confirmed the new key and a person has pinned it, all goes on.
            assert login_node.known_hosts(proxy.port).read_text() != pinned
            Path(job.directory, "go").touch()
            desk.settle()
            desk.require_one_run_each()
    line.saw(f"{type(caught.value).__name__} after 1 connection; with the new key pinned, 1 run")
