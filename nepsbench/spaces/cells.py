"""NAS-Bench-201 cells: four nodes, six edges, five operations, and the notations in use.

Two edge orders and two operation numberings exist in the field; this is the one place that knows
both. A cell here is a tuple of six operation names in the stored (JAHS) edge order.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import product
from operator import itemgetter

from nepsbench.errors import InvalidConfigurationError

Cell = tuple[str, str, str, str, str, str]

#: Edge order of JAHS-Bench-201, NASLib and mf-prior-bench, and the one stored here.
JAHS_EDGES = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))
#: Edge order of NAS-Bench-201, NATS-Bench, NNI and NAS-HPO-Bench-II.
NATS_EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))

#: Operations by JAHS number, under their NAS-Bench-201 names.
JAHS_OPERATIONS = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")
#: Operations by the number that NAS-Bench-201, NATS-Bench and NNI give them.
NATS_OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")

#: Notations that are read once; all 15,625 cells of one fit.
_KEPT = 1 << 14

_FROM_NATS = itemgetter(*(NATS_EDGES.index(edge) for edge in JAHS_EDGES))
_FROM_JAHS = itemgetter(*(JAHS_EDGES.index(edge) for edge in NATS_EDGES))
_STRING = re.compile(
    r"\|(\w+)~0\|\+\|(\w+)~0\|(\w+)~1\|\+\|(\w+)~0\|(\w+)~1\|(\w+)~2\|", flags=re.ASCII
)
_DIGITS = re.compile(r"[0-4]{6}", flags=re.ASCII)
_NNI_NAMES = {name: name.removeprefix("nor_") for name in NATS_OPERATIONS}
_FROM_NNI = {short: name for name, short in _NNI_NAMES.items()}

OpLists = tuple[tuple[tuple[str, int], ...], ...]


def to_nats(cell: Cell) -> Cell:
    """Return the operations in the edge order of NAS-Bench-201: 01, 02, 12, 03, 13, 23."""
    found: Cell = _FROM_JAHS(cell)
    return found


def from_nats(operations: Sequence[str]) -> Cell:
    """Return the cell of six operation names in the edge order of NAS-Bench-201.

    Raises:
        InvalidConfigurationError: If there are not six, or one is unknown.
    """
    if isinstance(operations, str) or len(operations) != len(NATS_EDGES):
        raise InvalidConfigurationError(
            f"{operations!r} is no cell; give six operations, for the edges 01, 02, 12, 03, 13, 23"
        )
    for operation in operations:
        _check(operation, operations)
    found: Cell = _FROM_NATS(operations)
    return found


def to_arch_str(cell: Cell) -> str:
    """Return NAS-Bench-201's string: ``|op~0|+|op~0|op~1|+|op~0|op~1|op~2|``."""
    a, b, c, d, e, f = to_nats(cell)
    return f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"


@lru_cache(_KEPT)
def from_arch_str(text: str) -> Cell:
    """Return the cell of a NAS-Bench-201 string.

    Raises:
        InvalidConfigurationError: If the string has another form, or an unknown operation.
    """
    match = _STRING.fullmatch(text.strip())
    if match is None:
        raise InvalidConfigurationError(
            f"{text!r} is no NAS-Bench-201 string; its form is |op~0|+|op~0|op~1|+|op~0|op~1|op~2|"
        )
    for operation in match.groups():
        _check(operation, text)
    return from_nats(match.groups())


def to_digits(cell: Cell) -> str:
    """Return six digits: NAS-Bench-201's operation numbers in its edge order."""
    return "".join(str(NATS_OPERATIONS.index(operation)) for operation in to_nats(cell))


@lru_cache(_KEPT)
def from_digits(text: str) -> Cell:
    """Return the cell of six digits; the inverse of :func:`to_digits`.

    Raises:
        InvalidConfigurationError: If ``text`` is not six digits from 0 to 4.
    """
    if not _DIGITS.fullmatch(text):
        raise InvalidConfigurationError(f"{text!r} is no cell; give six digits from 0 to 4")
    return from_nats([NATS_OPERATIONS[int(digit)] for digit in text])


def to_op_lists(cell: Cell) -> OpLists:
    """Return what nats-bench calls lists: for nodes 1 to 3, a pair (operation, source) an edge."""
    edges = list(zip(NATS_EDGES, to_nats(cell), strict=True))
    return tuple(
        tuple((name, source) for (source, target), name in edges if target == node)
        for node in (1, 2, 3)
    )


def from_op_lists(lists: Sequence[Sequence[tuple[str, int]]]) -> Cell:
    """Return the cell of nats-bench's lists; the inverse of :func:`to_op_lists`.

    Raises:
        InvalidConfigurationError: If an edge is missing or stands twice, or something is unknown.
    """
    try:
        found = [
            ((int(source), node), str(name))
            for node, pairs in enumerate(lists, start=1)
            for name, source in pairs
        ]
    except (TypeError, ValueError):
        found = []
    by_edge = dict(found)
    if len(found) != len(NATS_EDGES) or set(by_edge) != set(NATS_EDGES):
        raise InvalidConfigurationError(
            f"{lists!r} is no cell; for each of nodes 1 to 3, give a pair (operation, source) "
            "for every node before it"
        )
    return from_nats([by_edge[edge] for edge in NATS_EDGES])


def to_nni(cell: Cell) -> dict[str, str]:
    """Return NNI's dictionary: edges ``0_1`` to ``2_3``, operations without ``nor_``."""
    return {
        f"{source}_{target}": _NNI_NAMES[name]
        for (source, target), name in zip(NATS_EDGES, to_nats(cell), strict=True)
    }


def from_nni(arch: Mapping[str, str]) -> Cell:
    """Return the cell of NNI's dictionary; the inverse of :func:`to_nni`.

    Raises:
        InvalidConfigurationError: If an edge is missing or too many, or an operation unknown.
    """
    names = [f"{source}_{target}" for source, target in NATS_EDGES]
    if set(arch) != set(names):
        raise InvalidConfigurationError(
            f"an NNI cell has the keys {', '.join(names)}, not {', '.join(map(str, arch))}"
        )
    return from_nats([_FROM_NNI.get(arch[name], arch[name]) for name in names])


def to_matrix(cell: Cell) -> list[list[int]]:
    """Return nats-bench's 4 x 4 matrix: in row i and column j the operation from node j to i."""
    matrix = [[0] * 4 for _ in range(4)]
    for (source, target), name in zip(NATS_EDGES, to_nats(cell), strict=True):
        matrix[target][source] = NATS_OPERATIONS.index(name)
    return matrix


def to_spec(cell: Cell) -> tuple[list[list[int]], list[str]]:
    """Return the cell with operations on vertices: an 8 x 8 matrix and eight labels.

    The six edges become vertices in the edge order of NAS-Bench-201, between ``input`` and
    ``output``; predictors that read NAS-Bench-101's matrices read these.
    """
    ends = [(-1, 0), *NATS_EDGES, (3, 4)]
    matrix = [[int(first[1] == then[0]) for then in ends] for first in ends]
    return matrix, ["input", *to_nats(cell), "output"]


def all_cells(operations: Sequence[str] = NATS_OPERATIONS) -> list[Cell]:
    """Return every cell of these operations, counting in NAS-Bench-201's edge order."""
    return [from_nats(chosen) for chosen in product(operations, repeat=len(NATS_EDGES))]


def _check(operation: str, where: object) -> None:
    if operation not in JAHS_OPERATIONS:
        raise InvalidConfigurationError(
            f"unknown operation {operation!r} in {where!r}; choose one of "
            + ", ".join(JAHS_OPERATIONS)
        )
