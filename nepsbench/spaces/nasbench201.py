"""``nasbench201``: the 15,625 cells of NAS-Bench-201, which NATS-Bench calls the topology space.

Six edges, five operations. A configuration's number is its place in the published files.
Source: Dong and Yang, NAS-Bench-201 (ICLR 2020); the order of the files: AutoDL-Projects,
``exps/NAS-Bench-201/main.py``.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from nepsbench.errors import InvalidConfigurationError
from nepsbench.spaces import cells
from nepsbench.spaces.architecture import cell_text
from nepsbench.spaces.finite import FiniteSpace
from nepsbench.spaces.parameters import Categorical, FloatArray, Scalar
from nepsbench.spaces.space import Configuration

#: The published order is that of a list of all cells, shuffled with this seed.
_SHUFFLE_SEED = 88


@dataclass(frozen=True)
class NasBench201Space(FiniteSpace):
    """A product of six edges, numbered in the published order."""

    def codes_at(self, indices: NDArray[np.int64]) -> FloatArray:
        """Return the encoded configurations with these numbers, shape (rows, 6)."""
        return super().codes_at(published_order()[indices])

    def indices_of(self, codes: FloatArray) -> NDArray[np.int64]:
        """Return the number of each row of encoded configurations."""
        return _places()[super().indices_of(codes)]

    def _number_of_digits(self, digits: int) -> int:
        return int(_places()[digits])

    def _digits_of_number(self, number: int) -> int:
        return int(published_order()[number])


EDGES = tuple(f"edge_{source}_{target}" for source, target in cells.NATS_EDGES)

SPACE = NasBench201Space(
    name="nasbench201",
    version=1,
    parameters=tuple(Categorical(name, cells.NATS_OPERATIONS, "skip_connect") for name in EDGES),
    fidelities=(),
)

#: Parameters that make the architecture; all of them.
ARCHITECTURE = EDGES


@cache
def published_order() -> NDArray[np.int64]:
    """Return the cells in the published order, as numbers of six digits in base 5, shape (15625,).

    The authors shuffled with Python's generator. Its algorithm is spelt out here, since Python
    promises the generator's words for ever, but not what ``shuffle`` makes of them.
    """
    order = list(range(len(cells.NATS_OPERATIONS) ** len(EDGES)))
    words = random.Random(_SHUFFLE_SEED)
    for last in range(len(order) - 1, 0, -1):
        bits = (last + 1).bit_length()
        other = words.getrandbits(bits)
        while other > last:
            other = words.getrandbits(bits)
        order[last], order[other] = order[other], order[last]
    return np.array(order, dtype=np.int64)


@cache
def _places() -> NDArray[np.int64]:
    """Return the number of each cell, cells counted in base 5; the inverse permutation."""
    return np.argsort(published_order())


def cell_of(configuration: Mapping[str, Scalar]) -> cells.Cell:
    """Return the configuration's cell as operation names in the stored edge order."""
    return cells.from_nats([str(configuration[name]) for name in EDGES])


def from_cell(cell: cells.Cell) -> Configuration:
    """Return the configuration of a cell."""
    return dict(zip(EDGES, cells.to_nats(cell), strict=True))


def parse(query: object) -> Configuration:
    """Return the configuration that a number, or any notation of a cell, stands for.

    Takes a number, a string (``|op~0|+|...|`` or six digits), a list of six operations,
    nats-bench's lists, NNI's dictionary, or a configuration.

    Raises:
        InvalidConfigurationError: If it is none of these, or not in the space.
    """
    if isinstance(query, str):
        text = query.strip()
        read = cells.from_arch_str if "|" in text else cells.from_digits
        return from_cell(read(text))
    if isinstance(query, Mapping):
        return from_cell(cells.from_nni(query)) if "0_1" in query else SPACE.validate(query)
    if isinstance(query, list | tuple):
        nested = bool(query) and not isinstance(query[0], str)
        return from_cell(cells.from_op_lists(query) if nested else cells.from_nats(query))
    if hasattr(query, "__index__"):
        return SPACE.at(query)  # type: ignore[arg-type]
    raise InvalidConfigurationError(
        f"{query!r} names no cell; give a number, an arch string, six operations or a configuration"
    )


def to_arch_str(configuration: Mapping[str, Scalar]) -> str:
    """Return the cell in NAS-Bench-201's notation."""
    return cells.to_arch_str(cell_of(SPACE.validate(configuration)))


def from_arch_str(text: str) -> Configuration:
    """Return the configuration of a NAS-Bench-201 string.

    Raises:
        InvalidConfigurationError: If ``text`` is not valid.
    """
    return from_cell(cells.from_arch_str(text))


def architecture(configuration: Mapping[str, Scalar]) -> str:
    """Return the canonical text of the configuration's cell."""
    return cell_text(cell_of(configuration))


def unique_string(cell: cells.Cell, *, zeros: bool = True) -> str:
    """Return NAS-Bench-201's own unique string of a cell; equal ones were called isomorphic.

    There are 6,466 with zeros told apart from other operations, and 12,751 without. It is kept for
    what was published with it; to join tables, take the architecture id, which is exact.

    Args:
        cell: The cell.
        zeros: Whether ``none``, and what only it feeds, is written as zero.
    """
    nodes = ["0"]
    for pairs in cells.to_op_lists(cell):
        terms = []
        for name, source in pairs:
            if zeros and (name == "none" or nodes[source] == "#"):
                terms.append("#")
            elif name == "skip_connect":
                terms.append(nodes[source])
            else:
                terms.append(f"({nodes[source]})@{name}")
        nodes.append("+".join(sorted(terms)))
    return nodes[-1]
