"""What the ledger says at the beginning of a tick, and what follows from it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from nepsbench.cluster.attempt import Attempt, Work
from nepsbench.cluster.chunks import Due
from nepsbench.cluster.conversation import Place, Submission, Target
from nepsbench.cluster.interface import Phase
from nepsbench.cluster.recovery import Again, Budgets, Caps, next_step


@dataclass(frozen=True)
class Books:
    """The open works of one cluster and all attempts at them.

    Attributes:
        works: By key, in the order in which they were asked for.
        open: The open attempt of each key that has one.
        ended: The ended attempts of each key, oldest first.
    """

    works: Mapping[str, Work]
    open: Mapping[str, Attempt]
    ended: Mapping[str, Sequence[Attempt]]

    def is_wanted(self, attempt: Attempt) -> bool:
        """Return whether somebody still waits for this attempt, and not for a later one."""
        work = self.works[attempt.key]
        return work.wanted and work.round == attempt.round

    def with_changes(self, changed: Iterable[Attempt], withdrawn: Iterable[Attempt]) -> Books:
        """Return the books after open attempts changed; those that have ended are open no more."""
        running = {**self.open, **{attempt.key: attempt for attempt in changed}}
        gone = {attempt.key for attempt in withdrawn}
        kept = {k: a for k, a in running.items() if k not in gone and a.is_open}
        return replace(self, open=kept)


@dataclass(frozen=True)
class Verdicts:
    """What follows for the works that have no open attempt."""

    settled: list[Work] = field(default_factory=list)
    due: list[Due] = field(default_factory=list)


def open_books(works: Mapping[str, Work], attempts: Iterable[Attempt]) -> Books:
    """Return the books of these works."""
    running: dict[str, Attempt] = {}
    ended: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        if attempt.is_open:
            running[attempt.key] = attempt
        else:
            ended.setdefault(attempt.key, []).append(attempt)
    return Books(works, running, ended)


def follow_up(books: Books, budgets: Budgets, caps: Caps) -> Verdicts:
    """Return which works are done with, and which need an attempt."""
    verdicts = Verdicts()
    for key, work in books.works.items():
        if key in books.open:
            continue
        step = next_step(work, books.ended.get(key, ()), budgets, caps)
        if isinstance(step, Again):
            verdicts.due.append(Due(key, step.resources))
        else:
            verdicts.settled.append(replace(work, outcome=step.outcome, why=step.why))
    return verdicts


def begin(books: Books, chunk: Sequence[Due], token: str, now: float) -> Iterator[Attempt]:
    """Yield the attempts of one submission, in the order of their indices."""
    for index, due in enumerate(chunk):
        before = books.ended.get(due.key, ())
        yield Attempt(
            key=due.key,
            generation=before[-1].generation + 1 if before else 1,
            round=books.works[due.key].round,
            place=Place(token, index),
            resources=due.resources,
            since=now,
            sent=now,
        )


def submission(books: Books, attempts: Sequence[Attempt]) -> Submission:
    """Return what the cluster is told of the attempts of one token."""
    jobs = tuple(replace(books.works[a.key].job, resources=a.resources) for a in attempts)
    earlier = tuple(past.place for a in attempts for past in books.ended.get(a.key, ()))
    return Submission(attempts[0].place.token, jobs, supersedes=earlier)


def unwanted(books: Books) -> list[Target]:
    """Return what is to be cancelled because nobody waits for it any more."""
    by_job: dict[tuple[str, str], list[Attempt]] = {}
    for attempt in books.open.values():
        if attempt.phase is not Phase.SENT:
            by_job.setdefault((attempt.place.token, attempt.job_id), []).append(attempt)
    targets = []
    for (token, job_id), attempts in by_job.items():
        gone = [a.place.index for a in attempts if not books.is_wanted(a)]
        if gone:
            some = tuple(gone) if len(gone) < len(attempts) else ()
            targets.append(Target(token, job_id, some))
    return targets
