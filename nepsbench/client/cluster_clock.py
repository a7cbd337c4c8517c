"""A simulated cluster: days of training on many workers pass in milliseconds, always the same way.

The clock knows how long each training takes, and nothing else of it: whoever asks starts trainings
on idle workers and is told which one ends next. Stragglers, failures and repairs are drawn from
raw Philox words that depend on the clock's seed, the training's name and the attempt alone, so
that a training has the same fate whoever starts it, and whenever.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, fields
from hashlib import blake2b

import numpy as np

from nepsbench.errors import NepsbenchError

_DAY = 86_400.0


@dataclass(frozen=True)
class Cluster:
    """What a cluster is like.

    Attributes:
        workers: Trainings that run at the same time.
        start_up: Seconds before each attempt's first epoch: the queue, the import, the data.
        stragglers: Share of attempts that are slow.
        slowdown: How many times as long a slow attempt takes.
        failures: Failures of a worker in a day of training, on average; they strike at any moment
            alike (exponential distribution).
        repair: Seconds from a failure to the next attempt.
        attempts: After that many failures, a training is given up.
        checkpoints: True if training goes on from the last whole epoch, after a failure as well as
            from a lower fidelity; False if it starts anew.
    """

    workers: int = 1
    start_up: float = 0.0
    stragglers: float = 0.0
    slowdown: float = 4.0
    failures: float = 0.0
    repair: float = 0.0
    attempts: int = 3
    checkpoints: bool = True

    def __post_init__(self) -> None:
        least = {"workers": 1, "attempts": 1, "slowdown": 1.0}
        for field in fields(self):
            value, low = getattr(self, field.name), least.get(field.name, 0)
            if not value >= low or math.isinf(value):
                raise NepsbenchError(f"cluster: {field.name}={value!r}; give {low:g} or more")
        if self.stragglers > 1:
            raise NepsbenchError(f"cluster: stragglers={self.stragglers!r} is a share; at most 1")


@dataclass(frozen=True)
class Ended:
    """A training that ended.

    Attributes:
        ticket: What :meth:`ClusterClock.start` returned for it.
        worker: From 0.
        started: Simulated seconds since the clock's beginning.
        ended: The same.
        attempts: How often it was tried.
        is_complete: False if it was given up.
    """

    ticket: int
    worker: int
    started: float
    ended: float
    attempts: int
    is_complete: bool


class ClusterClock:
    """The clock, its workers, and the queue of what is to happen.

    Args:
        cluster: What the cluster is like.
        seed: Of stragglers and failures.

    Attributes:
        now: Simulated seconds since the beginning.
    """

    def __init__(self, cluster: Cluster, seed: int = 0) -> None:
        self.cluster = cluster
        self.now = 0.0
        self._seed = seed
        self._idle = list(range(cluster.workers))  # a heap: the lowest number works first
        self._queue: list[tuple[float, int, Ended]] = []
        self._tickets = 0

    @property
    def idle(self) -> int:
        """How many workers have nothing to do."""
        return len(self._idle)

    def start(self, name: str, seconds: float, *, epochs: int = 1) -> int:
        """Start a training now on an idle worker and return its ticket.

        Args:
            name: What it is called in the draws of its fate.
            seconds: How long it takes when nothing goes wrong.
            epochs: Equal parts of it, after each of which there is a checkpoint.

        Raises:
            NepsbenchError: If every worker is busy, or the seconds are none.
        """
        if not self._idle:
            raise NepsbenchError(f"all {self.cluster.workers} workers are busy; advance() first")
        if not seconds >= 0 or math.isinf(seconds):
            raise NepsbenchError(f"a training of {seconds!r} seconds; give 0 or more")
        ticket, worker = self._tickets, heapq.heappop(self._idle)
        self._tickets += 1
        lasts, attempts, is_complete = self._fate(name, seconds, epochs)
        end = Ended(ticket, worker, self.now, self.now + lasts, attempts, is_complete)
        heapq.heappush(self._queue, (end.ended, ticket, end))
        return ticket

    def advance(self) -> Ended | None:
        """Move to the next end of a training and return it; None if nothing runs.

        Of two that end in the same instant, the one that started first comes first.
        """
        if not self._queue:
            return None
        self.now, _, ended = heapq.heappop(self._queue)
        heapq.heappush(self._idle, ended.worker)
        return ended

    def _fate(self, name: str, seconds: float, epochs: int) -> tuple[float, int, bool]:
        """Return how long all attempts last, their number, and whether the last one ends well."""
        cluster = self.cluster
        if not cluster.stragglers and not cluster.failures:
            return cluster.start_up + seconds, 1, True
        draws = self._uniforms(name)
        lasted, done = 0.0, 0  # seconds, whole epochs behind a checkpoint
        for attempt in range(cluster.attempts):
            straggles, fails = draws[2 * attempt : 2 * attempt + 2]
            slow = cluster.slowdown if straggles < cluster.stragglers else 1.0
            left = seconds * (1 - done / epochs) * slow
            until = -math.log1p(-fails) / cluster.failures * _DAY if cluster.failures else math.inf
            if until >= cluster.start_up + left:
                return lasted + cluster.start_up + left, attempt + 1, True
            lasted += until
            if attempt + 1 < cluster.attempts:
                lasted += cluster.repair
            if cluster.checkpoints and seconds:
                trained = max(until - cluster.start_up, 0.0) / slow / seconds * epochs
                done = min(done + int(trained), epochs - 1)
        return lasted, cluster.attempts, False

    def _uniforms(self, name: str) -> list[float]:
        digest = blake2b(f"{self._seed}/{name}".encode(), digest_size=16).digest()
        key = np.frombuffer(digest, dtype="<u8").astype(np.uint64)
        words = np.random.Philox(key=key).random_raw(2 * self.cluster.attempts)
        found: list[float] = ((words >> np.uint64(11)).astype(np.float64) * 2.0**-53).tolist()
        return found
