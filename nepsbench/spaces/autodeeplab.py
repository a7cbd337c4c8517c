"""``autodeeplab``: a cell, and the resolutions at which it follows itself, for maps.

A cell has two inputs and five nodes; a node sums two operations. Each layer is a cell at one of
four levels, a quarter of the input's resolution and its halves; it moves up, stays, or moves down.
Source: Liu et al., Auto-DeepLab (CVPR 2019), section 3; NAS-Bench-360, ``autodeeplab``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

from nepsbench.spaces.darts import OPERATIONS
from nepsbench.spaces.parameters import Categorical, Parameter, Scalar
from nepsbench.spaces.space import Configuration, Space

NODES, INPUTS, LEVELS, LAYERS = 5, 2, 4, 12


def _node(node: int) -> list[Parameter]:
    states = tuple(f"{a},{b}" for a, b in combinations(range(INPUTS + node), 2))
    return [
        Categorical(f"node_{node}_inputs", states, states[0]),
        *(Categorical(f"node_{node}_op_{side}", OPERATIONS, "sep_conv_3x3") for side in "xy"),
    ]


SPACE = Space(
    name="autodeeplab",
    version=1,
    parameters=(
        *(p for node in range(NODES) for p in _node(node)),
        *(Categorical(f"move_{k}", (-1, 0, 1), 0) for k in range(LAYERS)),
        Categorical("Width", (2, 4, 8, 20), 20),
        Categorical("Depth", tuple(range(1, LAYERS + 1)), LAYERS),
    ),
    fidelities=("Width", "Depth"),
)

#: Parameters that make the architecture: all.
ARCHITECTURE = SPACE.names


def pairs_of(configuration: Mapping[str, Scalar]) -> list[tuple[str, int]]:
    """Return operation and input of the cell's ten edges, two a node."""
    found = []
    for node in range(NODES):
        states = str(configuration[f"node_{node}_inputs"]).split(",")
        for side, state in zip("xy", states, strict=True):
            found.append((str(configuration[f"node_{node}_op_{side}"]), int(state)))
    return found


def levels_of(configuration: Mapping[str, Scalar]) -> list[int]:
    """Return the level of each layer, from 0; moves beyond the first or the last level stay."""
    level, found = 0, []
    for k in range(int(configuration["Depth"])):
        level = min(max(level + int(configuration[f"move_{k}"]), 0), LEVELS - 1)
        found.append(level)
    return found


def from_parts(
    pairs: Sequence[tuple[str, int]], levels: Sequence[int], **others: Scalar
) -> Configuration:
    """Return the configuration of a cell's edges, two a node, and of layers' levels.

    Raises:
        InvalidConfigurationError: If there is no such network.
    """
    values: Configuration = dict(SPACE.defaults)
    for node in range(NODES):
        first, second = sorted(pairs[2 * node : 2 * node + 2], key=lambda pair: pair[1])
        values[f"node_{node}_inputs"] = f"{first[1]},{second[1]}"
        values[f"node_{node}_op_x"], values[f"node_{node}_op_y"] = first[0], second[0]
    for k, (before, level) in enumerate(zip((0, *levels), levels, strict=False)):
        values[f"move_{k}"] = level - before
    return SPACE.validate({**values, "Depth": len(levels), **others})


def architecture(configuration: Mapping[str, Scalar]) -> str:
    """Return the canonical text of an architecture."""
    cell = "|".join(f"{state}{name}" for name, state in pairs_of(configuration))
    levels = ",".join(map(str, levels_of(configuration)))
    return f"autodeeplab:{configuration['Width']}:{levels}:{cell}"
