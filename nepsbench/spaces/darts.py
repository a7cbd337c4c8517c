"""``darts``: normal and reduction cells of DARTS, as NAS-Bench-360's searches find them.

A cell has two inputs and four nodes; a node sums two operations, on two of the states before it.
Source: Liu et al., DARTS (ICLR 2019), section 3; Xu et al., PC-DARTS (ICLR 2020).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, permutations

from nepsbench.errors import InvalidConfigurationError
from nepsbench.spaces.parameters import Categorical, Float, Parameter, Scalar
from nepsbench.spaces.space import Configuration, Space

OPERATIONS = (
    "max_pool_3x3", "avg_pool_3x3", "skip_connect", "sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3",
    "dil_conv_5x5",
)  # fmt: skip
NODES, INPUTS = 4, 2
CELL_TYPES = ("normal", "reduce")

#: Two operations a node, each with the state that it reads; states 0 and 1 are the cell's inputs.
Pairs = Sequence[tuple[str, int]]


def _node(cell: str, node: int) -> list[Parameter]:
    states = tuple(f"{a},{b}" for a, b in combinations(range(INPUTS + node), 2))
    return [
        Categorical(f"{cell}_{node}_inputs", states, states[0]),
        *(Categorical(f"{cell}_{node}_op_{side}", OPERATIONS, "sep_conv_3x3") for side in "xy"),
    ]


SPACE = Space(
    name="darts",
    version=1,
    parameters=(
        *(p for cell in CELL_TYPES for node in range(NODES) for p in _node(cell, node)),
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
    found = []
    for node in range(NODES):
        states = str(configuration[f"{cell}_{node}_inputs"]).split(",")
        for side, state in zip("xy", states, strict=True):
            found.append((str(configuration[f"{cell}_{node}_op_{side}"]), int(state)))
    return found


def from_genotype(normal: Pairs, reduce: Pairs, **others: Scalar) -> Configuration:
    """Return the configuration of a genotype; all else default or from ``others``.

    Args:
        normal: Operation and input of the normal cell's eight edges, two a node.
        reduce: Those of the reduction cell.
        others: Values of further parameters.

    Raises:
        InvalidConfigurationError: If there is no such cell.
    """
    values: Configuration = dict(SPACE.defaults)
    for cell, pairs in (("normal", normal), ("reduce", reduce)):
        if len(pairs) != 2 * NODES:
            raise InvalidConfigurationError(
                f"a cell of darts has {2 * NODES} edges, two a node; {len(pairs)} are given"
            )
        for node in range(NODES):
            first, second = sorted(pairs[2 * node : 2 * node + 2], key=lambda pair: pair[1])
            values[f"{cell}_{node}_inputs"] = f"{first[1]},{second[1]}"
            values[f"{cell}_{node}_op_x"], values[f"{cell}_{node}_op_y"] = first[0], second[0]
    return SPACE.validate(values | others)


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
