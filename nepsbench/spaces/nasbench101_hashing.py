"""NAS-Bench-101's hashes of many cells: those with one matrix go through the rounds together.

:func:`~nepsbench.spaces.nasbench101_graph.graph_hash` says what the hash of one cell is. Here the
digests of some cells' vertices are rows of hex digits, and Python's own work is an MD5 a message.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import md5
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nepsbench.errors import InvalidConfigurationError
from nepsbench.spaces.nasbench101_graph import OPERATIONS, Graph, start_digest
from nepsbench.spaces.nasbench101_hashes import as_digest
from nepsbench.spaces.nasbench101_index import CellIndex, build_index, unpack

_BYTES, _HEX = 16, 32
_BAR = np.frombuffer(b"|", dtype=np.uint8)
_DIGITS = np.array([list(f"{byte:02x}".encode()) for byte in range(256)], dtype=np.uint8)

Bytes = NDArray[np.uint8]


def hash_cells(
    index: CellIndex,
    numbers: NDArray[np.integer[Any]] | None = None,
    *,
    progress: Callable[[int], Any] | None = None,
) -> Bytes:
    """Return the hashes of cells, shape (cells, 16).

    Args:
        index: All cells.
        numbers: Those that are hashed; all of them by default.
        progress: Called now and then with the number of cells done.
    """
    chosen = np.arange(len(index)) if numbers is None else np.asarray(numbers)
    hashes = np.empty((len(chosen), _BYTES), dtype=np.uint8)
    bits = index.bits[chosen]
    order = np.argsort(bits, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(bits[order])) + 1, len(order))
    start = 0
    for end in ends.tolist() if len(order) else ():
        rows = order[start:end]
        digits = index.digits[chosen[rows]].astype(np.int64)
        hashes[rows] = _hash_labellings(unpack(int(bits[rows[0]]), 0), digits)
        start = end
        if progress is not None:
            progress(start)
    return hashes


#: Cells that are hashed before a first look is taken whether one was the wanted; then twice that.
_FIRST_LOOK = 1000


@lru_cache(1 << 10)
def find_hash(text: str) -> int:
    """Return the number of the cell with this hash, by hashing cells until it is met.

    Small cells come first. The last takes as long as the whole table does, half a minute; for many
    hashes use a :class:`~nepsbench.spaces.nasbench101_hashes.HashIndex`.

    Raises:
        InvalidConfigurationError: If ``text`` is no hash, or no cell has it.
    """
    wanted = np.frombuffer(as_digest(text), dtype=np.uint8)
    index = build_index()
    start, end = 0, _FIRST_LOOK
    while start < len(index):
        numbers = np.arange(start, min(end, len(index)))
        found = np.flatnonzero((hash_cells(index, numbers) == wanted).all(1))
        if len(found):
            return int(numbers[found[0]])
        start, end = end, 2 * end
    raise InvalidConfigurationError(f"no cell of NAS-Bench-101 has the hash {text}")


def _hash_labellings(graph: Graph, digits: NDArray[np.int64]) -> Bytes:
    """Return the hash of one graph under each of several labellings, shape (labellings, 16)."""
    span = range(graph.vertices)
    sources = [[i for i, j in graph.edges if j == vertex] for vertex in span]
    targets = [[j for i, j in graph.edges if i == vertex] for vertex in span]
    now = _start(graph, [(len(targets[v]), len(sources[v])) for v in span], digits)
    for _ in span:
        digests = [
            _hashed(_ordered(now, sources[v]), _BAR, _ordered(now, targets[v]), _BAR, now[:, v])
            for v in span
        ]
        now = np.stack([_DIGITS[digest].reshape(-1, _HEX) for digest in digests], axis=1)
    parts: list[Bytes] = []
    for place, digest in enumerate(np.split(_ordered(now, span), graph.vertices, axis=1)):
        parts += [np.frombuffer(b"', '" if place else b"['", dtype=np.uint8), digest]
    return _hashed(*parts, np.frombuffer(b"']", dtype=np.uint8))


def _start(graph: Graph, degrees: Sequence[tuple[int, int]], digits: NDArray[np.int64]) -> Bytes:
    """Return the first digests, as hex digits, shape (labellings, vertices, 32)."""
    inner, columns = graph.vertices - 2, []
    for vertex, degree in enumerate(degrees):
        names, chosen = [graph.labels[vertex]], np.zeros_like(digits)
        if 0 < vertex <= inner:
            names, chosen = [*OPERATIONS], digits // 3 ** (_PLACES - vertex) % 3
        table = np.array([list(start_digest(*degree, name).encode()) for name in names])
        columns.append(table.astype(np.uint8)[chosen])
    return np.stack(columns, axis=1)


#: Inner vertices of a cell at most: as many as digits have places.
_PLACES = 5


def _ordered(now: Bytes, vertices: Sequence[int]) -> Bytes:
    """Return the digests of some vertices in the order of their digits, one after the other."""
    chosen = np.ascontiguousarray(now[:, list(vertices)])
    texts = chosen.view(f"S{_HEX}").reshape(len(now), len(vertices))
    return np.sort(texts, axis=1).view(np.uint8).reshape(len(now), -1)


def _hashed(*parts: Bytes) -> Bytes:
    """Return the MD5 of each row of all parts; a part of one row is in each of them."""
    rows = max(len(part) for part in parts if part.ndim == 2)
    wide = [np.broadcast_to(part, (rows, part.shape[-1])) for part in parts]
    messages = np.concatenate(wide, axis=1)
    length, text = messages.shape[1], messages.tobytes()
    digests = [
        md5(text[at : at + length], usedforsecurity=False).digest()
        for at in range(0, len(text), length)
    ]
    return np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(-1, _BYTES)
