"""Random configurations of any space, for property tests."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from nepsbench.spaces import Configuration, Space


def configurations(space: Space) -> st.SearchStrategy[Configuration]:
    """Draw as profiles do, from words."""

    def drawn(seed: int) -> Configuration:
        words = np.random.Philox(seed).random_raw(space.words_per_draw)
        return space.decode(space.draw(words[np.newaxis])[0].tolist())

    return st.integers(0, 2**32).map(drawn)


def graphs(most: int = 7) -> st.SearchStrategy[tuple[list[list[int]], list[str]]]:
    """Draw matrices and operations of NAS-Bench-101's form; few of them are valid cells."""
    names = st.sampled_from(["conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3"])

    def of_size(size: int) -> st.SearchStrategy[tuple[list[list[int]], list[str]]]:
        pairs = size * (size - 1) // 2
        inner = st.lists(names, min_size=size - 2, max_size=size - 2)
        return st.tuples(st.lists(st.integers(0, 1), min_size=pairs, max_size=pairs), inner).map(
            lambda drawn: (_matrix(size, drawn[0]), ["input", *drawn[1], "output"])
        )

    return st.integers(2, most).flatmap(of_size)


def _matrix(size: int, upper: list[int]) -> list[list[int]]:
    entries = iter(upper)
    return [[next(entries) if j > i else 0 for j in range(size)] for i in range(size)]
