"""Jobs of ours in the queue that no open attempt speaks for: duplicates and ghosts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from nepsbench.cluster.attempt import Attempt
from nepsbench.cluster.books import Books
from nepsbench.cluster.conversation import Place, Row, Target
from nepsbench.cluster.judgement import is_alive, is_waiting


@dataclass(frozen=True)
class Strays:
    """The strays of the last snapshots.

    Attributes:
        rows: What stands in the queue; a job that is wholly stray is one order.
        first: When each was first seen, by token and job id.
        whole: Job ids of which every living row is stray.
    """

    rows: tuple[Row, ...] = ()
    first: Mapping[tuple[str, str], float] = field(default_factory=dict)
    whole: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len({(row.token, row.job_id) for row in self.rows})

    def seen(self, rows: Iterable[Row], books: Books, judged: frozenset[str], now: float) -> Strays:
        """Return the strays after a snapshot.

        Args:
            rows: Those of this data home.
            books: The attempts that are open.
            judged: Tokens that may be judged; rows of others are left alone.
            now: Seconds since the epoch.
        """
        speaking = {attempt.place: attempt for attempt in books.open.values()}
        living = [row for row in rows if is_alive(row.state) and row.state != "COMPLETING"]
        strays = [r for r in living if r.token in judged and not _spoken_for(r, speaking)]
        spoken = {row.job_id for row in living} - {row.job_id for row in strays}
        spoken |= {row.job_id for row in living if row not in strays}
        first = {(r.token, r.job_id): self.first.get((r.token, r.job_id), now) for r in strays}
        whole = frozenset(row.job_id for row in strays) - spoken
        return Strays(tuple(strays), first, whole)

    def targets(self, now: float, patience: float) -> list[Target]:
        """Return the orders that end them: at once what waits, after ``patience`` what runs."""
        found: dict[tuple[str, str], list[Row]] = {}
        for row in self.rows:
            key = (row.token, row.job_id)
            if is_waiting(row.state) or now - self.first[key] >= patience:
                found.setdefault(key, []).append(row)
        return [
            Target(token, job_id, () if job_id in self.whole else _indices(rows))
            for (token, job_id), rows in found.items()
        ]


def _spoken_for(row: Row, speaking: Mapping[Place, Attempt]) -> bool:
    """Return True if any job of the row belongs to an open attempt, or may come to."""
    for low, high in row.indices:
        for index in range(low, high + 1):
            attempt = speaking.get(Place(row.token, index))
            if attempt is not None and attempt.job_id in ("", row.job_id):
                return True
    return False


def _indices(rows: Iterable[Row]) -> tuple[int, ...]:
    ranges = (span for row in rows for span in row.indices)
    return tuple(index for low, high in ranges for index in range(low, high + 1))
