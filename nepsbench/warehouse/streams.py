"""The ledger of used bit-stream words: no word is drawn for two profiles."""

from __future__ import annotations

from collections.abc import Sequence

from nepsbench.errors import StreamReuseError
from nepsbench.sampling.ranges import StreamRange
from nepsbench.warehouse.commits import StreamEntry

#: Streams of ``legacy-counter`` are one sequence, each four words behind the one before. It is the
#: sequence of stream 0 of ``jump``: both start at the counter 0 under the same key.
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
    used: dict[int, list[tuple[int, int, StreamEntry]]] = {}
    for entry in ledger:
        line, first, end = _span(entry)
        used.setdefault(line, []).append((first, end, entry))
    for wanted in new:
        line, first, end = _span(wanted)
        for other_first, other_end, other in used.get(line, ()):
            if first < other_end and other_first < end:
                free = next_free_stream(ledger, wanted.scheme)
                raise StreamReuseError(
                    f"profile {wanted.profile} asks for words {wanted.first_word} to "
                    f"{wanted.end_word} of stream {wanted.taskid} ({wanted.scheme}), but profile "
                    f"{other.profile} used {other.first_word} to {other.end_word} of stream "
                    f"{other.taskid} ({other.scheme}); start at stream {free}, the next free one, "
                    "or raise the offset"
                )


def next_free_stream(ledger: tuple[StreamEntry, ...], scheme: str = "jump") -> int:
    """Return the first stream of ``scheme`` behind everything that was used."""
    spans = [_span(entry) for entry in ledger]
    if scheme == "legacy-counter":
        return -(-max((end for line, _, end in spans if line == 0), default=0) // _LEGACY_SHIFT)
    return 1 + max((line for line, _, _ in spans), default=-1)


def _span(entry: StreamEntry) -> tuple[int, int, int]:
    """Return the jump of the sequence that the words lie on, and their places on it."""
    if entry.scheme == "legacy-counter":
        shift = _LEGACY_SHIFT * entry.taskid
        return 0, entry.first_word + shift, entry.end_word + shift
    return entry.taskid, entry.first_word, entry.end_word
