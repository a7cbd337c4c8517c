"""Ending jobs from outside: cancelling what is wanted, and sweeping up what nobody wants."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from nepsbench.cluster.attempt import Outcome, Work
from nepsbench.cluster.cluster import Cluster
from nepsbench.cluster.driver import Driver
from nepsbench.cluster.ledger import Ledger
from nepsbench.cluster.tick import Tick
from nepsbench.cluster.waiting import drive
from nepsbench.errors import SpecError

#: The owner of jobs that were cancelled for now: whoever waited for them sees that it was not he
#: who gave them up, and asks for them again.
FOR_NOW = "cancelled for now"
#: Seconds for which a sweep goes on; a stray that runs is left alone for a part of them.
_SWEEP = 90.0

Say = Callable[[str], None]


def cancel_jobs(
    cluster: Cluster,
    ledger: Ledger,
    keys: Sequence[str] | None = None,
    *,
    for_now: bool = False,
    say: Say | None = None,
) -> list[str]:
    """Give up jobs, whoever owns them, and drive the cluster until they have ended.

    Args:
        cluster: Where.
        ledger: What is wanted there.
        keys: The jobs; None for all that are open.
        for_now: Whether those who wait for them may begin them again.
        say: Is told what happens, a line each.

    Returns:
        The keys that were given up; those that were settled are not among them.

    Raises:
        SpecError: If there is no job of such a key.
        AccessError: If the cluster will not let us in.
    """
    name = cluster.file.name
    works = ledger.works(keys, cluster=name)
    unknown = sorted(set(keys or ()) - works.keys())
    if unknown:
        raise SpecError(f"unknown job {unknown[0]!r}; see: nepsbench cluster status {name} --all")
    chosen = [w for w in works.values() if w.outcome is Outcome.OPEN and w.wanted]
    if for_now:
        ledger.want(name, [work.job for work in chosen], FOR_NOW)
    owners = {FOR_NOW} if for_now else {work.owner for work in chosen}
    given_up = [
        key for owner in sorted(owners) for key in ledger.unwant([w.key for w in chosen], owner)
    ]
    ending = [key for key, work in works.items() if work.outcome is Outcome.OPEN]
    if ending:
        drive(cluster, ledger, ending, say=say)
    return given_up


def sweep(cluster: Cluster, ledger: Ledger, *, patience: float = _SWEEP) -> Iterator[Tick]:
    """Cancel jobs of this data home that nobody knows or wants any more; yield each tick.

    Ends at once where another process drives the cluster, or where it does not answer.

    Args:
        cluster: Where.
        ledger: What is known.
        patience: Seconds for which to go on while any of them remains.

    Raises:
        AccessError: If the cluster will not let us in.
    """
    driver = Driver(cluster, ledger)
    driver.sweeping = True
    deadline = time.monotonic() + patience
    try:
        while True:
            tick = driver.tick()
            yield tick
            if not (tick.leads and tick.healthy):
                return
            given_up = [w for w in _open(ledger, cluster) if not w.wanted]
            if not (tick.strays or given_up) or time.monotonic() > deadline:
                return
            time.sleep(min(tick.next_in, 5.0))
    finally:
        driver.release()


def remark(tick: Tick) -> str:
    """Return what a person should know of a sweep's tick beside its numbers, or nothing."""
    if not tick.leads:
        return (
            f"cluster {tick.cluster}: another process drives it, and settles duplicates itself; "
            "sweep again when no job is open there"
        )
    if not tick.healthy:
        return f"cluster {tick.cluster} did not answer: {tick.problem}"
    return ""


def _open(ledger: Ledger, cluster: Cluster) -> Iterable[Work]:
    return ledger.works(cluster=cluster.file.name, open_only=True).values()
