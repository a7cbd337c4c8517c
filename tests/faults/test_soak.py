"""Two hundred submissions, each over a connection that breaks at a random byte."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.desk import Desk
from tests.faults.report import Case
from tests.faults.test_faults_submission import proxied_known_hosts
from tests.integration.cutting_proxy import CuttingProxy, cutting_proxy
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.timeout(1500),
    pytest.mark.faults,
]

SUBMISSIONS = 200
SEED = 20260711
#: Part of the conversations that are not cut.
SPARED = 0.3


class Saboteur:
    """Arms a cut in each conversation, as long as the longest one so far."""

    def __init__(self, proxy: CuttingProxy) -> None:
        self.proxy = proxy
        self.random = random.Random(SEED)
        self.client = self.server = 8000
        self.armed = 0

    def before(self) -> tuple[int, int]:
        """Arm, or spare; return how far the counters stand."""
        if self.random.random() < SPARED:
            self.proxy.cut_after()
        else:
            self.armed += 1
            self.proxy.cut_somewhere(client_bytes=self.client, server_bytes=self.server)
        return self.proxy.client_bytes, self.proxy.server_bytes

    def after(self, stood: tuple[int, int]) -> None:
        """Measure a conversation."""
        self.client = max(1000, self.proxy.client_bytes - stood[0])
        self.server = max(1000, self.proxy.server_bytes - stood[1])


def test_soak_200_submissions_over_connections_that_are_cut(
    make_desk: Callable[..., Desk], desk: Desk, case: Callable[..., Case]
) -> None:
    line = case(
        39,
        injected=f"soak: {SUBMISSIONS} submissions; each conversation with the cluster is cut at a "
        f"random byte of it (reset or end), but for {SPARED:.0%} (seed {SEED})",
        expected=f"{SUBMISSIONS} tokens and {SUBMISSIONS} jobs that ran exactly once, by SLURM's "
        "completion log and by the jobs' own traces",
    )
    assert desk.file.ssh is not None
    with cutting_proxy(desk.file.ssh.port, seed=SEED) as proxy:
        known = proxied_known_hosts(desk, proxy.port)
        desk = make_desk(ssh={"port": proxy.port, "known_hosts": str(known)}, poll_interval=0.2)
        desk.want(*(desk.job(memory_mb=50 + number) for number in range(SUBMISSIONS)))
        saboteur, begun, ticks = Saboteur(proxy), time.monotonic(), 0
        while open_works(desk):
            stood = saboteur.before()
            desk.tick()
            saboteur.after(stood)
            ticks += 1
            assert time.monotonic() - begun < 1200, desk.story()
        seconds = time.monotonic() - begun
        proxy.cut_after()
        wait_until(lambda: not desk.in_queue(), what=desk.in_queue)
        judge(desk)
    line.saw(
        f"{ticks} conversations, {proxy.cuts} cut, {proxy.connections} connections, "
        f"{len(desk.completions())} lines in the completion log, {SUBMISSIONS} tokens, "
        f"{SUBMISSIONS} runs, {seconds:.0f} s"
    )


def open_works(desk: Desk) -> int:
    return len(desk.ledger.works(open_only=True))


def judge(desk: Desk) -> None:
    """Count, by three witnesses: the ledger, SLURM's completion log, and what each job wrote."""
    assert {w.outcome.value for w in desk.ledger.works().values()} == {"succeeded"}, desk.story()
    ran = [one for one in desk.completions() if one.started]
    assert Counter(Counter(one.name for one in ran).values()) == {1: SUBMISSIONS}
    assert len(ran) == SUBMISSIONS
    assert len({one.job_id for one in ran}) == SUBMISSIONS
    traces = {job.key: Path(job.directory, "runs").read_text().split() for job in desk.jobs}
    assert len(traces) == SUBMISSIONS
    assert {len(trace) for trace in traces.values()} == {1}
    assert {trace[0] for trace in traces.values()} == {one.job_id for one in ran}
