"""A cluster's limits, from the words in which SLURM tells them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from nepsbench.cluster.conversation import Facts

_TIME = re.compile(r"(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?")
_LEADING_NUMBER = re.compile(r"\d+")


def read_facts(told: Iterable[tuple[str, str]]) -> Facts:
    """Return what ``(name, value)`` pairs tell.

    A name may come more than once: for each partition that a job may run in, and for each
    association of the user. Of what partitions allow the most counts, as a job goes where it fits;
    of associations the least.
    """
    values: dict[str, list[str]] = {}
    for name, value in told:
        values.setdefault(name, []).append(value.strip())

    def numbers(name: str) -> list[int]:
        found = (_LEADING_NUMBER.match(value) for value in values.get(name, ()))
        return [int(match[0]) for match in found if match is not None]

    return Facts(
        max_array_size=max(numbers("max_array_size"), default=None),
        max_job_count=max(numbers("max_job_count"), default=None),
        max_submit_jobs=min(numbers("max_submit_jobs"), default=None),
        message_timeout=max(numbers("message_timeout"), default=None),
        max_time=_longest(values.get("max_time", ())),
        max_memory_mb_per_node=max(numbers("max_memory_mb_per_node"), default=None),
        accounting=values.get("accounting") == ["yes"],
        version=" ".join(values.get("version", ())),
    )


def _longest(texts: Sequence[str]) -> int | None:
    """Return the longest of several times, or None if one is endless, or none can be read."""
    seconds = [read_time(text) for text in texts]
    known = [time for time in seconds if time is not None]
    return max(known) if known and len(known) == len(seconds) else None


def read_time(text: str) -> int | None:
    """Return the seconds of a time as SLURM writes it; None for ``UNLIMITED`` and the like.

    ``MM``, ``MM:SS``, ``HH:MM:SS``, ``D-HH``, ``D-HH:MM`` and ``D-HH:MM:SS`` (man sbatch, --time).
    """
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    days = match[1]
    parts = [int(part) for part in match.groups()[1:] if part is not None]
    if days is not None:
        hours, minutes, seconds = [*parts, 0, 0][:3]
    elif len(parts) == 3:
        hours, minutes, seconds = parts
    else:
        hours, (minutes, seconds) = 0, [*parts, 0][:2]
    return ((int(days or 0) * 24 + hours) * 60 + minutes) * 60 + seconds
