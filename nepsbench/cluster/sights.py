"""From one answer to what it shows of each attempt. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from nepsbench.cluster.attempt import Attempt
from nepsbench.cluster.books import Books
from nepsbench.cluster.conversation import Account, Answer, Place, Row
from nepsbench.cluster.judgement import Patience, Sight, judge

#: Seconds by which the clocks of a login node and of this machine may differ.
_SKEW = 300.0


@dataclass(frozen=True)
class Sights:
    """One answer, looked up by place; None stands for a visit that failed."""

    answer: Answer | None
    rows: Mapping[Place, tuple[Row, ...]]
    tokens: frozenset[str] = frozenset()

    @property
    def healthy(self) -> bool:
        """True if the queue answered."""
        return self.answer is not None and self.answer.rows is not None

    def of(self, attempt: Attempt, *, wanted: bool) -> Sight:
        """Return what is seen of one attempt."""
        if self.answer is None:
            return Sight(healthy=False, wanted=wanted)
        answer, place = self.answer, attempt.place
        return Sight(
            healthy=self.healthy,
            rows=self.rows.get(place, ()),
            end=answer.ends.get(place),
            receipt=answer.receipts.get(place.token),
            account=_account(answer.accounts or (), attempt),
            finding=answer.findings.get(place),
            wanted=wanted,
            siblings=place.token in self.tokens,
        )


def sights(answer: Answer | None, attempts: Iterable[Attempt]) -> Sights:
    """Return ``answer`` by place, for these attempts only."""
    if answer is None or answer.rows is None:
        return Sights(answer, {})
    wanted: dict[str, set[int]] = {}
    for attempt in attempts:
        wanted.setdefault(attempt.place.token, set()).add(attempt.place.index)
    found: dict[Place, list[Row]] = {}
    for row in answer.rows:
        known = wanted.get(row.token)
        for low, high in row.indices if known else ():
            for index in range(low, high + 1):
                if index in (known or ()):
                    found.setdefault(Place(row.token, index), []).append(row)
    tokens = frozenset(row.token for row in answer.rows)
    return Sights(answer, {place: tuple(rows) for place, rows in found.items()}, tokens)


@dataclass(frozen=True)
class Absorbed:
    """What a visit changes.

    Attributes:
        changed: Attempts that stand differently now.
        withdrawn: Attempts that never came to be.
        examine: Places of attempts whose last words are to be asked for, with their directories.
    """

    changed: list[Attempt] = field(default_factory=list)
    withdrawn: list[Attempt] = field(default_factory=list)
    examine: dict[Place, str] = field(default_factory=dict)


def absorb(books: Books, answer: Answer | None, now: float, patience: Patience) -> Absorbed:
    """Judge every open attempt by one answer."""
    absorbed = Absorbed()
    seen = sights(answer, books.open.values())
    for key, attempt in books.open.items():
        sight = seen.of(attempt, wanted=books.is_wanted(attempt))
        judgement = judge(attempt, sight, now, patience)
        if judgement.withdrawn:
            absorbed.withdrawn.append(judgement.attempt)
            continue
        if judgement.examine:
            absorbed.examine[attempt.place] = books.works[key].job.directory
        if judgement.attempt != attempt:
            absorbed.changed.append(judgement.attempt)
    return absorbed


def _account(accounts: Iterable[Account], attempt: Attempt) -> Account | None:
    """Return the row of this very attempt: an id may be used again, a name and a time are not."""
    own = [
        account
        for account in accounts
        if Place(account.token, account.index) == attempt.place
        and account.submitted >= attempt.sent - _SKEW
    ]
    return max(own, key=lambda account: account.submitted, default=None)
