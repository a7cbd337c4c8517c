"""All 423,624 cells of NAS-Bench-101, and a table from a matrix's bits to the cell: no MD5 asked.

*Bits* are the upper triangle of a 7 x 7 matrix as NAS-Bench-101 numbers it
(:func:`~nepsbench.spaces.nasbench101_graph.bit`). A smaller cell keeps its inner vertices in front
and its output in the last place. *Digits* are the operations of the five inner vertices as one
number in base 3, the first vertex the highest digit; that of a vertex that is not there is ignored.

================  ======  ============  ===========================================================
array             type    shape         content
================  ======  ============  ===========================================================
``patterns``      int16   2^21          row of ``cells`` for these bits; -1 where they are no cell
``cells``         int32   13839 x 243   number of the cell, for a row and digits
``bits``          int32   423624        bits of each cell in its canonical form
``digits``        uint8   423624        its digits
================  ======  ============  ===========================================================

Cells are numbered by vertices, then bits, then digits, all of the canonical form
(:func:`~nepsbench.spaces.nasbench101_graph.canonical`): in the order in which NAS-Bench-101's
authors generated them. Memory-mapped, opening costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import chain, permutations, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nepsbench.spaces.arrays import ArrayFiles
from nepsbench.spaces.nasbench101_graph import (
    MAX_EDGES,
    MAX_VERTICES,
    OPERATIONS,
    Graph,
    all_edges,
    bit,
    canonical,
    graph_of,
    valid,
)

#: How many cells there are.
SIZE = 423_624

_INNER = MAX_VERTICES - 2
_EDGES = all_edges()
_SHIFTS = {edge: bit(*edge) for edge in _EDGES}
_PATTERNS = 1 << len(_EDGES)
_DIGITS = len(OPERATIONS) ** _INNER

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class CellIndex(ArrayFiles):
    """The arrays of the table above."""

    patterns: NDArray[np.int16]
    cells: NDArray[np.int32]
    bits: NDArray[np.int32]
    digits: NDArray[np.uint8]

    def __len__(self) -> int:
        """Return the number of cells."""
        return len(self.bits)

    def find(self, matrix: Any, labels: Sequence[str]) -> int:
        """Return the number of the cell that a matrix and its labels are, pruned or not.

        Raises:
            InvalidConfigurationError: If they are no cell of NAS-Bench-101.
        """
        try:
            digits = LABEL_DIGITS[tuple(labels)]
            rows = matrix.tolist() if isinstance(matrix, np.ndarray) else matrix
            flat = bytes(chain.from_iterable(rows))
            bits, count = bits_of(flat, len(labels))
            if count == flat.count(1) and (row := self.patterns[bits]) >= 0:
                return int(self.cells[row, digits])
        except (KeyError, TypeError, ValueError):
            pass
        return self.find_graph(canonical(valid(graph_of(matrix, labels))))

    def find_graph(self, graph: Graph) -> int:
        """Return the number of the cell that a valid graph is."""
        bits, digits = pack(graph)
        return int(self.cells[self.patterns[bits], digits])

    def find_many(self, bits: NDArray[Any], digits: NDArray[Any]) -> NDArray[np.int32]:
        """Return the number of each cell, and -1 where bits are no cell; shape (rows,)."""
        rows = self.patterns[bits]
        found: NDArray[np.int32] = self.cells[rows, digits]
        return np.where(rows >= 0, found, np.int32(-1))

    def graph(self, number: int) -> Graph:
        """Return the canonical graph of a cell."""
        return unpack(int(self.bits[number]), int(self.digits[number]))


def pack(graph: Graph) -> tuple[int, int]:
    """Return the bits and digits of a graph of at most seven vertices."""
    last = graph.vertices - 1
    bits = 0
    for source, target in graph.edges:
        bits |= 1 << _SHIFTS[source, MAX_VERTICES - 1 if target == last else target]
    return bits, LABEL_DIGITS[tuple(graph.labels)]


def unpack(bits: int, digits: int) -> Graph:
    """Return the canonical graph with these bits and digits; the inverse of :func:`pack`."""
    edges = [edge for edge in _EDGES if bits >> _SHIFTS[edge] & 1]
    inner = {vertex for edge in edges for vertex in edge} - {0, MAX_VERTICES - 1}
    last = len(inner) + 1
    operations = [
        OPERATIONS[digits // 3 ** (_INNER - vertex) % len(OPERATIONS)] for vertex in sorted(inner)
    ]
    renamed = tuple((i, last if j == MAX_VERTICES - 1 else j) for i, j in edges)
    return Graph(last + 1, renamed, tuple(operations))


_adopted: list[CellIndex] = []


def adopt_index(index: CellIndex) -> None:
    """Let :func:`build_index` return an index that was saved, instead of making it anew."""
    if not _adopted and len(index) == SIZE:
        _adopted.append(index)


def build_index() -> CellIndex:
    """Return the index of all cells: the adopted one, or half a second and 20 MB to make it."""
    return _adopted[0] if _adopted else _enumerated()


@cache
def _enumerated() -> CellIndex:
    """Enumerate all cells."""
    bits = np.arange(_PATTERNS, dtype=np.int32)
    pruned, alive, is_cell = _prune_all(bits)
    rows = np.flatnonzero(is_cell & (pruned == bits))
    row_of = np.full(_PATTERNS, -1, dtype=np.int16)
    row_of[rows] = np.arange(len(rows))
    patterns = np.where(is_cell, row_of[pruned], np.int16(-1))
    best, digits = _canonical_forms(rows, alive[rows])
    # Canonical rows: those in the canonical form, from few vertices to many.
    vertices = _count_bits(alive[rows])
    canonical_rows = np.flatnonzero(best == rows)
    order = np.lexsort((rows[canonical_rows], vertices[canonical_rows]))
    numbers = np.full((len(rows), _DIGITS), -1, dtype=np.int32)
    all_bits, all_digits, start = [], [], 0
    for row in canonical_rows[order]:
        own = np.flatnonzero(digits[row] == np.arange(_DIGITS))
        numbers[row, own] = np.arange(start, start + len(own))
        all_bits.append(np.full(len(own), rows[row], dtype=np.int32))
        all_digits.append(own.astype(np.uint8))
        start += len(own)
    cells = numbers[row_of[best][:, np.newaxis], digits]
    return CellIndex(patterns, cells, np.concatenate(all_bits), np.concatenate(all_digits))


def _prune_all(bits: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.uint8], Flags]:
    """Return, for each pattern, its bits pruned in place, its inner vertices, and if it is a cell.

    Inner vertices are five bits, the first vertex the highest.
    """
    edges = {edge: (bits >> shift & 1).astype(bool) for edge, shift in _SHIFTS.items()}
    last = MAX_VERTICES - 1
    fed: list[Flags] = [np.ones(len(bits), dtype=bool)]
    for target in range(1, MAX_VERTICES):
        fed.append(np.any([edges[i, target] & fed[i] for i in range(target)], axis=0))
    read: dict[int, Flags] = {last: fed[0]}
    for source in reversed(range(last)):
        later = range(source + 1, MAX_VERTICES)
        read[source] = np.any([edges[source, j] & read[j] for j in later], axis=0)
    on_path = [fed[vertex] & read[vertex] for vertex in range(MAX_VERTICES)]
    pruned = np.zeros_like(bits)
    for (i, j), present in edges.items():
        pruned |= (present & on_path[i] & on_path[j]).astype(np.int32) << _SHIFTS[i, j]
    alive = np.zeros(len(bits), dtype=np.uint8)
    for vertex in range(1, last):
        alive |= on_path[vertex].astype(np.uint8) << (_INNER - vertex)
    return pruned, alive, on_path[0] & (_count_bits(pruned) <= MAX_EDGES)


def _count_bits(values: NDArray[Any]) -> NDArray[np.int64]:
    """Return how many of the low 21 bits are set. NumPy has its own from version 2 on."""
    counts = np.zeros(len(values), dtype=np.int64)
    for shift in range(len(_EDGES)):
        counts += values >> shift & 1
    return counts


def _canonical_forms(rows: Ints, alive: NDArray[np.uint8]) -> tuple[Ints, Ints]:
    """Return each pruned pattern's canonical bits, and canonical digits for each of its digits.

    Args:
        rows: Bits of the pruned patterns.
        alive: Their inner vertices.

    Returns:
        Bits, shape (rows,), and digits, shape (rows, 243).
    """
    best = np.full(len(rows), _PATTERNS, dtype=np.int64)
    digits = np.full((len(rows), _DIGITS), _DIGITS, dtype=np.int64)
    orders = list(permutations(range(1, _INNER + 1)))
    moved = [_moved(rows, alive, order) for order in orders]
    for found in moved:
        np.minimum(best, found, out=best)
    for order, found in zip(orders, moved, strict=True):
        for inner in np.unique(alive):
            reached = np.flatnonzero((found == best) & (alive == inner))
            digits[reached] = np.minimum(digits[reached], _moved_digits(int(inner), order))
    return best, digits


def _moved(rows: Ints, alive: NDArray[np.uint8], order: Sequence[int]) -> Ints:
    """Return the bits after moving inner vertex k to place order[k - 1].

    Where an edge would lead back, or the vertices would not be in front, they are 2^21.
    """
    place = (0, *order, MAX_VERTICES - 1)
    bits = np.zeros_like(rows)
    possible = np.ones(len(rows), dtype=bool)
    for (i, j), shift in _SHIFTS.items():
        present = rows >> shift & 1
        if place[i] < place[j]:
            bits |= present << _SHIFTS[place[i], place[j]]
        else:
            possible &= present == 0
    count = _count_bits(alive)
    for vertex, target in enumerate(order, start=1):
        possible &= (target <= count) == (alive >> (_INNER - vertex) & 1).astype(bool)
    return np.where(possible, bits, _PATTERNS)


@cache
def _moved_digits(inner: int, order: Sequence[int]) -> Ints:
    """Return what becomes of each of the 243 digits; a vertex that is not there gets a 0."""
    moved = np.zeros(_DIGITS, dtype=np.int64)
    for vertex, target in enumerate(order, start=1):
        if inner >> (_INNER - vertex) & 1:
            digit = np.arange(_DIGITS) // 3 ** (_INNER - vertex) % 3
            moved += digit * 3 ** (_INNER - target)
    return moved


#: Digits by labels, ``input`` and ``output`` included, for cells of every size.
LABEL_DIGITS = {
    ("input", *names, "output"): sum(
        OPERATIONS.index(name) * 3 ** (_INNER - vertex)
        for vertex, name in enumerate(names, start=1)
    )
    for count in range(_INNER + 1)
    for names in product(OPERATIONS, repeat=count)
}

_ONES = bytes.maketrans(b"\x00\x01", b"01")


#: Cells differ in their operations far more often than in their matrices: so many are remembered.
@lru_cache(1 << 14)
def bits_of(flat: bytes, size: int) -> tuple[int, int]:
    """Return the bits of a matrix's upper triangle, and how many are set.

    Args:
        flat: The entries row by row, 0 or 1.
        size: Rows of the matrix, at most seven.

    Raises:
        ValueError: If there is another entry, or another number of them.
    """
    if len(flat) != size * size:
        raise ValueError
    text = flat.translate(_ONES)
    last = size - 1
    # A column from the diagonal up, for each column, the last first: from the highest bit down.
    columns = [text[(j - 1) * size + j :: -size] for j in range(last, 0, -1)]
    inner = int(b"".join(columns[1:]) or b"0", 2)
    bits = int(columns[0], 2) << _SHIFTS[0, MAX_VERTICES - 1] | inner
    return bits, bits.bit_count()
