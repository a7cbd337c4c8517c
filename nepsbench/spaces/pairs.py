"""Cells whose nodes sum two operations each, as parameters: what DARTS and Auto-DeepLab share.

A node reads two of the states before it, of which the first are the cell's inputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

from nepsbench.errors import InvalidConfigurationError
from nepsbench.spaces.parameters import Categorical, Parameter, Scalar
from nepsbench.spaces.space import Configuration

OPERATIONS = (
    "max_pool_3x3", "avg_pool_3x3", "skip_connect", "sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3",
    "dil_conv_5x5",
)  # fmt: skip
INPUTS = 2

#: Two operations a node, each with the state that it reads; states 0 and 1 are the cell's inputs.
Pairs = Sequence[tuple[str, int]]


def pair_parameters(prefix: str, nodes: int) -> tuple[Parameter, ...]:
    """Return the parameters of a cell: of each node its two states, and the operation on each.

    Args:
        prefix: What their names begin with.
        nodes: How many.
    """
    found: list[Parameter] = []
    for node in range(nodes):
        states = tuple(f"{a},{b}" for a, b in combinations(range(INPUTS + node), 2))
        found.append(Categorical(f"{prefix}{node}_inputs", states, states[0]))
        found += [
            Categorical(f"{prefix}{node}_op_{side}", OPERATIONS, "sep_conv_3x3") for side in "xy"
        ]
    return tuple(found)


def read_pairs(
    configuration: Mapping[str, Scalar], prefix: str, nodes: int
) -> list[tuple[str, int]]:
    """Return operation and state of a cell's edges, two a node."""
    found = []
    for node in range(nodes):
        states = str(configuration[f"{prefix}{node}_inputs"]).split(",")
        for side, state in zip("xy", states, strict=True):
            found.append((str(configuration[f"{prefix}{node}_op_{side}"]), int(state)))
    return found


def pair_values(pairs: Pairs, prefix: str, nodes: int) -> Configuration:
    """Return the values of a cell's parameters; of a node's edges either may come first.

    Raises:
        InvalidConfigurationError: If there are not two edges a node.
    """
    if len(pairs) != 2 * nodes:
        raise InvalidConfigurationError(
            f"a cell of {nodes} nodes has {2 * nodes} edges, two a node; {len(pairs)} are given"
        )
    found: Configuration = {}
    for node in range(nodes):
        first, second = sorted(pairs[2 * node : 2 * node + 2], key=lambda pair: pair[1])
        found[f"{prefix}{node}_inputs"] = f"{first[1]},{second[1]}"
        found[f"{prefix}{node}_op_x"], found[f"{prefix}{node}_op_y"] = first[0], second[0]
    return found
