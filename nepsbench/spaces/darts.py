"""``darts``: normal and reduction cells of DARTS, as NAS-Bench-360's searches find them.

A cell has two inputs and four nodes; a node sums two operations, on two of the states before it.
Source: Liu et al., DARTS (ICLR 2019), section 3; Xu et al., PC-DARTS (ICLR 2020).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations

from nepsbench.spaces.pairs import INPUTS, Pairs, pair_parameters, pair_values, read_pairs
from nepsbench.spaces.parameters import Categorical, Float, Scalar
from nepsbench.spaces.space import Configuration, Space

NODES = 4
CELL_TYPES = ("normal", "reduce")

SPACE = Space(
    name="darts",
    version=1,
    parameters=(
        *(p for cell in CELL_TYPES for p in pair_parameters(f"{cell}_", NODES)),
        Categorical("Width", (4, 8, 12, 16, 24, 36, 48), 36),
        Categorical("Depth", tuple(range(2, 21)), 20),
        Float("DropPath", 0.0, 0.6, 0.3),
    ),
    fidelities=("Width", "Depth"),
)

#: Parameters that make the architecture; DropPath is of its training.
ARCHITECTURE = tuple(name for name in SPACE.names if name != "DropPath")


def pairs_of(configuration: Mapping[str, Scalar], cell: str) -> list[tuple[str, int]]:
    """Return operation and input of a cell's edges, two a node.

    Args:
        configuration: Of the space.
        cell: ``normal`` or ``reduce``.
    """
    return read_pairs(configuration, f"{cell}_", NODES)


def from_genotype(normal: Pairs, reduce: Pairs, **others: Scalar) -> Configuration:
    """Return the configuration of a genotype; all else default or from ``others``.

    Args:
        normal: Operation and input of the normal cell's eight edges, two a node.
        reduce: Those of the reduction cell.
        others: Values of further parameters.

    Raises:
        InvalidConfigurationError: If there is no such cell.
    """
    cells = pair_values(normal, "normal_", NODES) | pair_values(reduce, "reduce_", NODES)
    return SPACE.validate({**SPACE.defaults, **cells, **others})


def architecture(configuration: Mapping[str, Scalar]) -> str:
    """Return the canonical text of an architecture: the same for nodes in another order."""
    cells = ";".join(_least(pairs_of(configuration, cell)) for cell in CELL_TYPES)
    return f"darts:{configuration['Width']}x{configuration['Depth']}:{cells}"


def _least(pairs: list[tuple[str, int]]) -> str:
    """Return the least text of a cell among the orders of its nodes that read backwards only."""
    nodes = [pairs[2 * node : 2 * node + 2] for node in range(NODES)]
    found = []
    for order in permutations(range(NODES)):
        place = {INPUTS + node: INPUTS + order.index(node) for node in range(NODES)}
        moved = [
            sorted((place.get(state, state), name) for name, state in nodes[node]) for node in order
        ]
        if all(state < INPUTS + k for k, node in enumerate(moved) for state, _ in node):
            found.append("|".join(f"{s}{n}" for node in moved for s, n in node))
    return min(found)
