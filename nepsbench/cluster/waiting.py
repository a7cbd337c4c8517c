"""Waiting until what was asked for is settled, and saying what failed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from nepsbench.cluster.attempt import Attempt, Outcome, describe
from nepsbench.cluster.cluster import Cluster
from nepsbench.cluster.driver import Driver
from nepsbench.cluster.ledger import Ledger, LostLeaseError
from nepsbench.errors import ClusterError

_SHOWN = 3
#: Seconds between two looks into the ledger.
_STEP = 0.2

Say = Callable[[str], None]


def drive(
    cluster: Cluster,
    ledger: Ledger,
    keys: Sequence[str],
    *,
    say: Say | None = None,
    after_tick: Callable[[], None] | None = None,
) -> None:
    """Drive the cluster until every one of ``keys`` is settled, in whatever way.

    Where another process drives it already, this one waits for it, and takes over if it ends.

    Args:
        cluster: The cluster.
        ledger: What is wanted of it.
        keys: The jobs.
        say: Told what is new of them, a line each.
        after_tick: Called after each visit.

    Raises:
        AccessError: If the cluster will not let us in.
    """
    driver = Driver(cluster, ledger)
    told: dict[str, str] = {}
    try:
        while True:
            with suppress(LostLeaseError):
                driver.tick()
            if say is not None:
                tell(ledger, keys, told, say)
            if after_tick is not None:
                after_tick()
            if is_settled(ledger, keys):
                return
            while not driver.is_due():
                time.sleep(min(_STEP, cluster.file.poll_interval))
                if is_settled(ledger, keys):
                    return
    finally:
        driver.release()


def is_settled(ledger: Ledger, keys: Sequence[str]) -> bool:
    """Return True if nothing is open any more of ``keys``."""
    works = ledger.works(keys)
    return all(key in works and works[key].outcome is not Outcome.OPEN for key in keys)


def tell(ledger: Ledger, keys: Sequence[str], told: dict[str, str], say: Say) -> None:
    """Say what is new of these jobs since ``told``, a line each."""
    for key, attempt in ledger.latest(keys).items():
        text = f"attempt {attempt.generation}, job {attempt.job_id or '?'}: {describe(attempt)}"
        if told.get(key) != text:
            told[key] = text
            say(f"{key}: {text}")


def require_success(ledger: Ledger, keys: Sequence[str]) -> None:
    """Return if every job succeeded.

    Raises:
        ClusterError: Names jobs that did not, how each ended, and the last thing that it said.
    """
    works = ledger.works(keys)
    failed = [key for key in keys if works[key].outcome is not Outcome.SUCCEEDED]
    if not failed:
        return
    latest = ledger.latest(failed)
    shown = "; ".join(f"{k}: {works[k].why}{_where(latest.get(k))}" for k in failed[:_SHOWN])
    more = f"; and {len(failed) - _SHOWN} more" if len(failed) > _SHOWN else ""
    raise ClusterError(
        f"{len(failed)} of {len(keys)} jobs did not succeed: {shown}{more}; "
        "mend the cause and run the stage again: what is done stays done"
    )


def _where(attempt: Attempt | None) -> str:
    return f" [job {attempt.job_id}, attempt {attempt.generation}]" if attempt else ""
