"""The ledger of used bit-stream words: no word is drawn for two profiles."""

from __future__ import annotations

from collections.abc import Sequence

from nepsbench.errors import StreamReuseError
from nepsbench.sampling.ranges import StreamRange
from nepsbench.warehouse.commits import StreamEntry

#: Streams of ``legacy-counter`` are one sequence, each four words behind the one before.
_LEGACY_SHIFT = 4


def reserve(
    ledger: tuple[StreamEntry, ...],
    profile: str,
    ranges: Sequence[StreamRange],
    *,
    profile_hash: str,
) -> tuple[StreamEntry, ...]:
    """Return the ledger with ``ranges`` entered for ``profile``; itself if they stand there.

    Raises:
        StreamReuseError: If another profile used some of the words, or the profile was changed.
    """
    for entry in ledger:
        if entry.profile == profile:
            if entry.profile_hash != profile_hash:
                raise StreamReuseError(
                    f"profile {profile} is in the warehouse with other content (hash "
                    f"{entry.profile_hash[:12]}, now {profile_hash[:12]}); give the changed "
                    "profile a name of its own"
                )
            return ledger
    new = tuple(
        StreamEntry(
            profile=profile,
            profile_hash=profile_hash,
            scheme=part.scheme,
            taskid=part.taskid,
            first_word=part.first_word,
            end_word=part.end_word,
        )
        for part in ranges
    )
    _refuse_overlap(ledger, new)
    return ledger + new


def _refuse_overlap(ledger: tuple[StreamEntry, ...], new: tuple[StreamEntry, ...]) -> None:
    used: dict[tuple[str, int], list[tuple[int, int, StreamEntry]]] = {}
    for entry in ledger:
        line, first, end = _span(entry)
        used.setdefault(line, []).append((first, end, entry))
    for wanted in new:
        line, first, end = _span(wanted)
        for other_first, other_end, other in used.get(line, ()):
            if first < other_end and other_first < end:
                free = 1 + max(entry.taskid for entry in ledger if entry.scheme == wanted.scheme)
                raise StreamReuseError(
                    f"profile {wanted.profile} asks for words {wanted.first_word} to "
                    f"{wanted.end_word} of stream {wanted.taskid} ({wanted.scheme}), but profile "
                    f"{other.profile} used {other.first_word} to {other.end_word} of stream "
                    f"{other.taskid}; start at stream {free}, the next free one, or raise the "
                    "offset"
                )


def _span(entry: StreamEntry) -> tuple[tuple[str, int], int, int]:
    """Return the sequence that the words lie on, and their places on it."""
    if entry.scheme == "legacy-counter":
        shift = _LEGACY_SHIFT * entry.taskid
        return (entry.scheme, 0), entry.first_word + shift, entry.end_word + shift
    return (entry.scheme, entry.taskid), entry.first_word, entry.end_word
