"""One search from beginning to end: an optimiser, a benchmark, a simulated cluster, a budget."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from nepsbench.client.budget import Budget, Spent
from nepsbench.client.cluster_clock import Cluster, ClusterClock, Ended
from nepsbench.errors import NepsbenchError
from nepsbench.search.candidates import Codes
from nepsbench.search.optimiser import Suggestion
from nepsbench.search.oracle import Oracle, Reply
from nepsbench.search.session import Session

#: So many trainings in a row that take no time, against a budget of seconds, would never end.
_ENDLESS = 1_000


@dataclass(frozen=True)
class Evaluation:
    """A training that a search was told of; in the order in which they ended.

    Attributes:
        number: From 0.
        suggestion: Number of the suggestion, in the order in which they were asked.
        codes: The encoded configuration.
        fidelity: Epoch or horizon that it was trained to.
        start: Epoch of the checkpoint that it went on from.
        status: ``complete``, ``failed`` (the benchmark has no answer) or ``given up`` (by the
            cluster).
        values: The metrics; empty unless complete.
        final: Metrics of the whole training, None where they are not known.
        seconds: How long it takes when nothing goes wrong.
        started: Simulated seconds since the search began.
        ended: The same.
        worker: From 0.
        attempts: How often the cluster tried.
    """

    number: int
    suggestion: int
    codes: Codes
    fidelity: int
    start: int
    status: str
    values: tuple[float, ...]
    final: tuple[float | None, ...]
    seconds: float
    started: float
    ended: float
    worker: int
    attempts: int


class Search:
    """A search that runs on a simulated cluster; the same arguments give the same evaluations.

    Args:
        oracle: The benchmark.
        session: The optimiser, new or resumed.
        budget: Queries and epochs count when a training starts; seconds are those of the simulated
            clock, and what ends beyond them does not count.
        cluster: What the cluster is like.
        seed: Of its stragglers and failures.
    """

    def __init__(
        self,
        oracle: Oracle,
        session: Session,
        *,
        budget: Budget,
        cluster: Cluster = Cluster(),  # noqa: B008 - it never changes
        seed: int = 0,
    ) -> None:
        if budget == Budget():
            raise NepsbenchError("a search without a budget has no end; give queries or seconds")
        self._oracle, self._session, self._budget = oracle, session, budget
        self._clock = ClusterClock(cluster, seed)
        self._spent = Spent()
        self._open: dict[int, tuple[Suggestion, Reply, int]] = {}
        self._trained: dict[Codes, int] = {}
        self._told = 0
        self._idle_starts = 0

    def run(self) -> Iterator[Evaluation]:
        """Yield every evaluation as it ends."""
        limit = math.inf if self._budget.seconds is None else self._budget.seconds
        while True:
            while self._clock.idle and self._start_next():
                pass
            ended = self._clock.advance()
            if ended is None or ended.ended > limit:
                return
            yield self._finish(ended)

    def _start_next(self) -> bool:
        """Start what the optimiser asks for; False if it waits, or the budget is spent."""
        spent = Spent(self._clock.now, self._spent.queries, self._spent.epochs)
        if self._budget.reached(spent):
            return False
        suggestion = self._session.ask()
        if suggestion is None:
            return False
        start = self._checkpoint(suggestion)
        reply = self._oracle.ask(suggestion.codes, suggestion.fidelity, start=start)
        name = f"{suggestion.codes}/{reply.epochs}/{start}"
        epochs = max(reply.epochs - start, 1)
        ticket = self._clock.start(name, reply.seconds, epochs=epochs)
        self._open[ticket] = (suggestion, reply, start)
        self._spent = self._spent.plus(0.0, max(reply.epochs - start, 0))
        self._idle_starts = 0 if reply.seconds else self._idle_starts + 1
        if self._idle_starts > _ENDLESS and self._budget.queries is None:
            raise NepsbenchError(
                f"{_ENDLESS} trainings in a row took no time, so this search has no end; give a "
                "budget of queries, too"
            )
        return True

    def _checkpoint(self, suggestion: Suggestion) -> int:
        """Return the epoch that a training can go on from."""
        is_curve = self._oracle.fidelities.kind == "epoch" and suggestion.fidelity is not None
        if not is_curve or not self._clock.cluster.checkpoints:
            return 0
        assert suggestion.fidelity is not None
        return min(self._trained.get(suggestion.codes, 0), suggestion.fidelity)

    def _finish(self, ended: Ended) -> Evaluation:
        suggestion, reply, start = self._open.pop(ended.ticket)
        status = "failed" if reply.failed else "complete" if ended.is_complete else "given up"
        errors = reply.errors if status == "complete" else (math.inf,) * len(reply.errors)
        if status == "complete" and suggestion.fidelity is not None:
            trained = self._trained.get(suggestion.codes, 0)
            self._trained[suggestion.codes] = max(trained, reply.epochs)
        self._session.tell(suggestion.number, errors, ended.ended - ended.started)
        self._told += 1
        return Evaluation(
            number=self._told - 1,
            suggestion=suggestion.number,
            codes=suggestion.codes,
            fidelity=suggestion.fidelity or self._oracle.fidelities.values[-1],
            start=start,
            status=status,
            values=reply.values if status == "complete" else (),
            final=reply.final if status == "complete" else (None,) * len(reply.final),
            seconds=reply.seconds,
            started=ended.started,
            ended=ended.ended,
            worker=ended.worker,
            attempts=ended.attempts,
        )
