"""Which jobs go into one submission: those that ask for the same, if there is room. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from nepsbench.cluster.conversation import Facts
from nepsbench.cluster.interface import Resources

#: Where the site does not say; SLURM's own default of MaxArraySize, and a modest number of jobs.
_ARRAY = 1000
_JOBS = 10_000
#: Part of the site's MaxJobCount that is left to others.
_LEFT_TO_OTHERS = 0.1


@dataclass(frozen=True)
class Due:
    """A job that waits to be submitted."""

    key: str
    resources: Resources


def chunks(due: Iterable[Due], facts: Facts, *, taken: int) -> Iterator[tuple[Due, ...]]:
    """Yield submissions, in the order in which their first jobs came, while there is room.

    Args:
        due: The jobs, most urgent first.
        facts: The site's limits. MaxArraySize bounds the index, so an array of that many
            jobs ends one below it.
        taken: Jobs of this user that the queue holds already.
    """
    room = capacity(facts) - taken
    size = max(1, min(facts.max_array_size or _ARRAY, _ARRAY))
    for group in _by_resources(due):
        for start in range(0, len(group), size):
            chunk = tuple(group[start : start + min(size, room)]) if room > 0 else ()
            if not chunk:
                return
            room -= len(chunk)
            yield chunk


def capacity(facts: Facts) -> int:
    """Return how many jobs of this user the site takes at the same time."""
    shared = None
    if facts.max_job_count is not None:
        shared = max(1, int(facts.max_job_count * (1 - _LEFT_TO_OTHERS)))
    known = [limit for limit in (shared, facts.max_submit_jobs) if limit is not None]
    return min(known, default=_JOBS)


def _by_resources(due: Iterable[Due]) -> list[Sequence[Due]]:
    groups: dict[Resources, list[Due]] = {}
    for job in due:
        groups.setdefault(job.resources, []).append(job)
    return list(groups.values())
