"""The driver of one cluster: brings what the ledger wants and what the cluster does together.

One tick reads the ledger, commits what it is about to do, visits the cluster once, judges what it
saw, and commits that. It may be killed between any two steps: the next tick, in this process or in
another, begins from the ledger and looks before it acts.
"""

from __future__ import annotations

import logging
import os
import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from nepsbench.cluster.attempt import Attempt, Cause
from nepsbench.cluster.books import (
    Books,
    begin,
    follow_up,
    open_books,
    submission,
    unwanted,
)
from nepsbench.cluster.chunks import Due, chunks
from nepsbench.cluster.cluster import Cluster
from nepsbench.cluster.conversation import Answer, Facts, Orders, Place, Submission
from nepsbench.cluster.following import Following
from nepsbench.cluster.interface import Phase
from nepsbench.cluster.judgement import Patience
from nepsbench.cluster.ledger import Ledger, process_start
from nepsbench.cluster.pace import Pace
from nepsbench.cluster.recovery import Caps
from nepsbench.cluster.sights import Absorbed, absorb
from nepsbench.cluster.strays import Strays
from nepsbench.cluster.tick import Tick
from nepsbench.errors import AccessError, ClusterError

_log = logging.getLogger(__name__)

#: Seconds for which a driver may give no sign of life before another one takes over.
LEASE = 180.0
#: Calls of sbatch in one visit; the rest waits for the next.
_SUBMISSIONS = 8
#: Seconds after which the cluster is asked for its limits again.
_FACTS_AGE = 3600.0
#: Seconds by which a file server's clock and the login node's may differ.
_MARKER_SKEW = 120
#: SLURM's word for a job that was submitted held, or that its user held.
_HELD = "JobHeldUser"
#: Seconds that an sbatch may take which nobody waits for any more.
_SUBMIT_TAIL = 40.0


@dataclass
class _Memory:
    """What a driver remembers between ticks, all of which it could find out again."""

    pace: Pace
    strays: Strays
    since: int = 0
    examine: dict[Place, str] = field(default_factory=dict)


class Driver:
    """Drives one cluster. Use it from one thread at a time.

    Attributes:
        cluster: Which.
        ledger: What is wanted, and what was done.
        following: Running jobs whose output somebody wants to read.
        sweeping: Visit even if nothing is open, and end also what carries this data home's name
            and stands in no ledger.
    """

    def __init__(
        self,
        cluster: Cluster,
        ledger: Ledger,
        *,
        clock: Callable[[], float] = time.time,
        patience: Patience | None = None,
        random: Random | None = None,
    ) -> None:
        self.cluster = cluster
        self.ledger = ledger
        self.following = Following()
        self.sweeping = False
        self._name = cluster.file.name
        self._clock = clock
        self._told_patience = patience
        self._random = random or Random()
        self._memory = self._blank()
        self._next = self._last = self._leased = 0.0
        self._wishes = -1
        pid = os.getpid()
        self._holder = f"{os.uname().nodename}:{pid}:{process_start(pid)}:{secrets.token_hex(3)}"

    def tick(self) -> Tick:
        """Do what is due, by one visit at most; a cluster that does not answer is no error.

        Raises:
            AccessError: If the cluster will not let us in, however often we try.
            LostLeaseError: If another process took over in the middle of the tick.
        """
        now = self._clock()
        self._wishes = self.ledger.wishes(self._name)
        if not self.ledger.lease(self._name, self._holder, LEASE, now=now):
            self._memory = self._blank()
            wait = self.cluster.file.poll_interval
            self._last, self._next = now, now + wait
            return Tick(self._name, now, leads=False, next_in=wait)
        self._leased = now
        tick = self._drive(now)
        self._last, self._next = now, self._clock() + tick.next_in
        self.ledger.record_tick(tick)
        _log.log(logging.INFO if tick.visited else logging.DEBUG, "%s", tick.line())
        return tick

    def is_due(self) -> bool:
        """Return True if it is time for the next tick, or somebody wants something new.

        Ask it about once a second: it also keeps the lease.
        """
        now = self._clock()
        if now >= self._next:
            return True
        if now - self._leased > LEASE / 3:
            self.ledger.lease(self._name, self._holder, LEASE, now=now)
            self._leased = now
        if self._memory.pace.failures:
            return False
        soon = self._last + min(1.0, self.cluster.file.poll_interval)
        return now >= soon and self.ledger.wishes(self._name) != self._wishes

    def release(self) -> None:
        """Give the lease back, so that another process may drive at once."""
        self.ledger.release(self._name, self._holder)

    # -- one tick ------------------------------------------------------------------------------

    def _drive(self, now: float) -> Tick:
        facts, told = self.ledger.facts(self._name)
        books = self._read()
        verdicts = follow_up(books, self._budgets(), self._caps(facts))
        fresh = self._begin(books, verdicts.due, facts, told, now)
        orders = self._orders(books, fresh, facts, stale=now - told > _FACTS_AGE)
        new = [attempt for attempts in fresh.values() for attempt in attempts]
        if new or verdicts.settled:
            self.ledger.save(self._name, self._holder, attempts=new, works=verdicts.settled)
        settled = {work.key for work in verdicts.settled}
        books = replace(
            books,
            works={k: w for k, w in books.works.items() if k not in settled},
            open={**books.open, **{attempt.key: attempt for attempt in new}},
        )
        tick = Tick(self._name, now, counts=_counts(books))
        if not (books.works or self._memory.strays or self.sweeping):
            return self._paced(tick, changed=bool(settled))
        return self._visit(tick, books, orders)

    def _visit(self, tick: Tick, books: Books, orders: Orders) -> Tick:
        begun = time.monotonic()
        answer, problem = self._converse(orders)
        now = self._clock()
        absorbed = absorb(books, answer, now, self._patience)
        after = books.with_changes(absorbed.changed, absorbed.withdrawn)
        self._remember(after, answer, absorbed, now)
        ended = [attempt for attempt in absorbed.changed if not attempt.is_open]
        moved = any(_has_moved(books.open[a.key], a) for a in absorbed.changed)
        books = self._write(after, absorbed)
        tick = replace(
            tick,
            visited=True,
            healthy=answer is not None and answer.rows is not None,
            problem=problem,
            seconds=time.monotonic() - begun,
            counts=_counts(books),
            submitted=sum(
                a.phase is not Phase.SENT and a.sent >= tick.at for a in absorbed.changed
            ),
            cancelled=len(orders.cancel),
            ended=len(ended),
            strays=len(self._memory.strays),
        )
        return self._paced(tick, changed=moved or _is_unsure(books))

    def _read(self) -> Books:
        works = self.ledger.works(cluster=self._name, open_only=True)
        return open_books(works, self.ledger.attempts_of_open_works(self._name))

    def _begin(
        self, books: Books, due: Sequence[Due], facts: Facts, told: float, now: float
    ) -> dict[str, list[Attempt]]:
        """Return the attempts that this tick begins, by token."""
        if self._memory.pace.is_broken or not self._may_submit(due, told):
            return {}
        fresh: dict[str, list[Attempt]] = {}
        for chunk in chunks(due, facts, taken=len(books.open)):
            if len(fresh) == _SUBMISSIONS:
                break
            token = f"{self.ledger.home_id}-{secrets.token_hex(6)}"
            fresh[token] = list(begin(books, chunk, token, now))
        return fresh

    def _may_submit(self, due: Sequence[Due], told: float) -> bool:
        """Return False while an array waits for the site to say how large it may be."""
        return bool(due) and (told > 0 or len(due) == 1 or self.cluster.file.kind == "local")

    def _orders(
        self, books: Books, fresh: Mapping[str, list[Attempt]], facts: Facts, *, stale: bool
    ) -> Orders:
        memory, attempts = self._memory, books.open.values()
        # Held, though ours: released too late or never, or held by a person; the look can tell.
        unclear = [a for a in attempts if a.phase is Phase.SENT or a.reason == _HELD]
        unsure = sorted({attempt.place.token for attempt in unclear})
        missing = [attempt for attempt in attempts if attempt.misses]
        broken = memory.pace.is_broken
        watched = [*dict.fromkeys(a.place.token for a in attempts), *fresh]
        strays = memory.strays.targets(self._clock(), self._patience.stray)
        return Orders(
            submit=tuple(submission(books, group) for group in fresh.values()),
            look=tuple(Submission(token, ()) for token in unsure),
            cancel=() if broken else (*unwanted(books), *strays),
            watch=tuple(watched),
            since=0 if missing or memory.pace.failures else memory.since,
            account=tuple(sorted({a.job_id for a in missing if a.job_id and facts.accounting})),
            examine=tuple(memory.examine.items()),
            logs=self.following.tails(books.works, books.open),
            facts=stale,
        )

    def _converse(self, orders: Orders) -> tuple[Answer | None, str]:
        try:
            answer = self.cluster.visit(orders)
        except AccessError:
            raise
        except ClusterError as error:
            return None, str(error)
        return answer, answer.problem

    def _remember(
        self, books: Books, answer: Answer | None, absorbed: Absorbed, now: float
    ) -> None:
        memory = self._memory
        memory.examine = absorbed.examine
        if answer is None:
            return
        self.following.take(answer.logs)
        if answer.facts is not None:
            self.ledger.set_facts(self._name, answer.facts, now)
        if answer.rows is None:
            return
        memory.since = max(0, answer.clock - _MARKER_SKEW)
        own = [row for row in answer.rows if row.token.startswith(f"{self.ledger.home_id}-")]
        tokens = {row.token for row in own}
        # Two cluster files of one site see each other's jobs, and leave them alone.
        known = self.ledger.clusters_of(tokens)
        judged = {token for token in tokens if known.get(token) == self._name}
        if self.sweeping:
            judged |= tokens - known.keys()
        memory.strays = memory.strays.seen(own, books, frozenset(judged), now)

    def _write(self, after: Books, absorbed: Absorbed) -> Books:
        """Commit what was judged, and what follows at once; return the books after it."""
        if absorbed.changed or absorbed.withdrawn:
            self.ledger.save(
                self._name, self._holder, attempts=absorbed.changed, withdrawn=absorbed.withdrawn
            )
        if not any(not attempt.is_open for attempt in absorbed.changed):
            return after
        books = self._read()
        facts, _ = self.ledger.facts(self._name)
        settled = follow_up(books, self._budgets(), self._caps(facts)).settled
        if settled:
            self.ledger.save(self._name, self._holder, works=settled)
        done = {work.key for work in settled}
        return replace(books, works={k: w for k, w in books.works.items() if k not in done})

    def _paced(self, tick: Tick, *, changed: bool) -> Tick:
        memory, now = self._memory, self._clock()
        if tick.visited or changed:
            memory.pace = memory.pace.after(healthy=tick.healthy, changed=changed, now=now)
        wait = memory.pace.interval(now, self._random)
        return replace(tick, failures=memory.pace.failures, next_in=wait)

    # -- what the site allows ------------------------------------------------------------------

    def _blank(self) -> _Memory:
        return _Memory(Pace(self.cluster.file.poll_interval, changed=self._clock()), Strays())

    def _budgets(self) -> dict[Cause, int]:
        budgets = self.cluster.file.recovery.model_dump()
        return {cause: budgets[cause.value] for cause in Cause if cause.value in budgets}

    def _caps(self, facts: Facts) -> Caps:
        limits = self.cluster.file.limits
        times = [limits.max_time, facts.max_time]
        memories = [limits.memory_mb_per_node, facts.max_memory_mb_per_node]
        return Caps(
            min((t for t in times if t is not None), default=None),
            min((m for m in memories if m is not None), default=None),
        )

    @property
    def _patience(self) -> Patience:
        if self._told_patience is not None:
            return self._told_patience
        if self.cluster.file.kind == "local":
            return Patience(lost=2.0, sent=5.0, stray=5.0)
        facts, _ = self.ledger.facts(self._name)
        timeout = float(facts.message_timeout or 10)
        return Patience(lost=max(30.0, 3 * timeout), sent=3 * timeout + _SUBMIT_TAIL)


def _has_moved(before: Attempt, after: Attempt) -> bool:
    return (before.phase, before.native) != (after.phase, after.native)


def _is_unsure(books: Books) -> bool:
    return any(a.phase in (Phase.SENT, Phase.MISSING) or a.misses for a in books.open.values())


def _counts(books: Books) -> dict[str, int]:
    phases = Counter(attempt.phase.value for attempt in books.open.values())
    waiting = len(books.works) - len(books.open)
    return dict(phases) | ({"waiting": waiting} if waiting > 0 else {})
