"""The driver as its own thread sees it: tick, and tell what is new. No event loop in here."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from nepsbench_airflow.connection import open_airflow_cluster

if TYPE_CHECKING:
    from nepsbench.cluster.attempt import Attempt
    from nepsbench.cluster.driver import Driver
    from nepsbench.cluster.tick import Tick

#: Running jobs of one trigger whose output is read into its task's log.
FOLLOWED = 3


@dataclass(frozen=True)
class News:
    """What one trigger is told.

    Attributes:
        open: Its jobs that are not settled yet.
        attempts: The newest attempt at each job that may have changed.
        output: New lines that its running jobs printed, each with the job's key.
        tick: The last tick; None before the first.
    """

    open: frozenset[str]
    attempts: Mapping[str, Attempt] = field(default_factory=dict)
    output: Sequence[tuple[str, str]] = ()
    tick: Tick | None = None


class DriverSeat:
    """An open cluster, its ledger and its driver. Use it from one thread."""

    def __init__(self, home: Path, cluster: str) -> None:
        self._home = home
        self._cluster = cluster
        self._tick: Tick | None = None
        self._lines: list[tuple[str, str]] = []
        self._attempts: dict[str, Attempt] = {}
        self._resources = contextlib.ExitStack()
        self._driver: Driver | None = None

    def open(self) -> None:
        """Open everything; the cluster is reached by the first tick that needs it."""
        from nepsbench.cluster.driver import Driver
        from nepsbench.cluster.ledger import open_ledger

        cluster = self._resources.enter_context(open_airflow_cluster(self._cluster))
        self._ledger = self._resources.enter_context(open_ledger(self._home))
        self._driver = Driver(cluster, self._ledger)
        self._resources.callback(self._driver.release)

    def close(self) -> None:
        """Let another process drive; jobs run on."""
        self._resources.close()

    @property
    def rhythm(self) -> float:
        """The cluster's shortest time between two visits, in seconds."""
        assert self._driver is not None
        return self._driver.cluster.file.poll_interval

    def tick_if_due(self, waiting: Sequence[frozenset[str]]) -> bool:
        """Tick if it is time, following the output of a few jobs of each; return whether."""
        from nepsbench.cluster.ledger import LostLeaseError

        assert self._driver is not None
        if not self._driver.is_due():
            return False
        self._driver.following.keys = self._choose(waiting)
        with contextlib.suppress(LostLeaseError):  # the next tick finds out who leads
            self._tick = self._driver.tick()
        self._lines = self._driver.following.drain()
        return True

    def news(self, waiting: Sequence[frozenset[str]]) -> list[News]:
        """Return what is new since the last call for each of those who wait for so many jobs."""
        works = self._ledger.works(cluster=self._cluster, open_only=True)
        attempts = {a.key: a for a in self._ledger.attempts(cluster=self._cluster, open_only=True)}
        ended = self._ledger.latest(sorted(self._attempts.keys() - attempts.keys()))
        self._attempts = attempts
        lines, self._lines = self._lines, []
        return [
            News(
                open=keys & works.keys(),
                attempts={k: a for k, a in (ended | attempts).items() if k in keys},
                output=[(key, line) for key, line in lines if key in keys],
                tick=self._tick,
            )
            for keys in waiting
        ]

    def _choose(self, waiting: Sequence[frozenset[str]]) -> set[str]:
        """Return the jobs to follow: one of everybody who waits first, then a second of each."""
        from nepsbench.cluster import Phase

        active = [k for k, attempt in self._attempts.items() if attempt.phase is Phase.ACTIVE]
        turns = zip_longest(*([key for key in active if key in keys] for keys in waiting))
        chosen = dict.fromkeys(key for key in chain(*turns) if key is not None)
        return set(list(chosen)[:FOLLOWED])
