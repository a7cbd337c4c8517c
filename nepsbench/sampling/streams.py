"""Independent bit-streams of raw 64-bit words, and where in them a draw lies.

A profile must be the same bytes on every platform and NumPy version. NumPy promises that for the
raw words of Philox4x64-10 but not for ``Generator`` methods, so only raw words are taken from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

#: Seed of every stream of every benchmark. It never changes.
COMMON_SEED = 79029434164686768057103648623012072794

Scheme = Literal["jump", "legacy-counter"]
Words = NDArray[np.uint64]

_BLOCK = 4  # words that one step of the Philox counter yields
_LEGACY_DOUBLES = 14  # doubles for one configuration, a parameter each
_LEGACY_PAIR = 2 * _LEGACY_DOUBLES + 1  # two draws share one word for their two 32-bit seeds


def stream_words(scheme: Scheme, taskid: int, *, first: int, count: int) -> Words:
    """Return words ``first`` to ``first + count`` of bit-stream ``taskid``, shape (count,).

    ``jump``: stream t is ``Philox(COMMON_SEED).jumped(t)``, 2**128 draws after stream t - 1, so
    streams cannot overlap. ``legacy-counter``: NEPSBench-101's ``Philox(COMMON_SEED, counter=t)``,
    whose neighbouring streams are one sequence shifted by four words.

    The words are the ancestor's; what is made of them is not. It drew by ConfigSpace, in an order
    that is not reproduced here, so that its configurations are others, and other trials repeat.
    """
    block, skipped = divmod(first, _BLOCK)
    generator = np.random.Philox(seed=COMMON_SEED)
    state = generator.state
    # jumped(t) adds t to the third of the counter's four words; the first two count blocks.
    counter = (block, 0, taskid, 0) if scheme == "jump" else (block + taskid, 0, 0, 0)
    state["state"]["counter"] = np.array(counter, dtype=np.uint64)
    generator.state = state
    words: Words = generator.random_raw(count + skipped)[skipped:]
    return words


def draw_words(
    scheme: Scheme, taskids: Sequence[int], *, offset: int, samples: int, words_per_draw: int
) -> Words:
    """Return the words of draws ``offset`` to ``offset + samples`` of each stream.

    Shape (len(taskids) * samples, words_per_draw), streams one after another. The first word of a
    draw holds the training seed in its upper half.
    """
    if scheme == "legacy-counter":
        rows = [_legacy_rows(taskid, offset, samples) for taskid in taskids]
    else:
        rows = [
            stream_words(
                scheme, taskid, first=offset * words_per_draw, count=samples * words_per_draw
            ).reshape(samples, words_per_draw)
            for taskid in taskids
        ]
    return np.concatenate(rows)


def place_of(scheme: Scheme, draw: int, *, words_per_draw: int) -> int:
    """Return where in its bit-stream a draw starts, in words."""
    if scheme == "legacy-counter":
        pair, second = divmod(draw, 2)
        return pair * _LEGACY_PAIR + second * (1 + _LEGACY_DOUBLES)
    return draw * words_per_draw


def _legacy_rows(taskid: int, offset: int, samples: int) -> Words:
    """Lay out a seed and 14 doubles a draw as ours: (seed in the upper half, 14 words of doubles).

    The ancestor's ``RandomState`` takes 32-bit seeds from the two halves of one word, so that
    draws 2k and 2k + 1 use 29 words together.
    """
    pairs = (offset + samples + 1) // 2
    words = stream_words("legacy-counter", taskid, first=0, count=pairs * _LEGACY_PAIR)
    table = words.reshape(pairs, _LEGACY_PAIR)
    even = np.column_stack([table[:, 0] << np.uint64(32), table[:, 1 : 1 + _LEGACY_DOUBLES]])
    odd = np.column_stack([table[:, 0], table[:, 1 + _LEGACY_DOUBLES :]])
    rows: Words = np.stack([even, odd], axis=1).reshape(2 * pairs, 1 + _LEGACY_DOUBLES)
    return rows[offset : offset + samples]
