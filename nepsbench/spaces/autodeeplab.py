"""``autodeeplab``: a cell, and the resolutions at which it follows itself, for maps.

A cell has two inputs and five nodes; a node sums two operations. Each layer is a cell at one of
four levels, a quarter of the input's resolution and its halves; it moves up, stays, or moves down.
Source: Liu et al., Auto-DeepLab (CVPR 2019), section 3; NAS-Bench-360, ``autodeeplab``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nepsbench.spaces.pairs import Pairs, pair_parameters, pair_values, read_pairs
from nepsbench.spaces.parameters import Categorical, Scalar
from nepsbench.spaces.space import Configuration, Space

NODES, LEVELS, LAYERS = 5, 4, 12
_NODE = "node_"

SPACE = Space(
    name="autodeeplab",
    version=1,
    parameters=(
        *pair_parameters(_NODE, NODES),
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
    return read_pairs(configuration, _NODE, NODES)


def levels_of(configuration: Mapping[str, Scalar]) -> list[int]:
    """Return the level of each layer, from 0; moves beyond the first or the last level stay."""
    level, found = 0, []
    for k in range(int(configuration["Depth"])):
        level = min(max(level + int(configuration[f"move_{k}"]), 0), LEVELS - 1)
        found.append(level)
    return found


def from_parts(pairs: Pairs, levels: Sequence[int], **others: Scalar) -> Configuration:
    """Return the configuration of a cell's edges, two a node, and of layers' levels.

    Raises:
        InvalidConfigurationError: If there is no such network.
    """
    before = (0, *levels)
    moves = {f"move_{k}": level - before[k] for k, level in enumerate(levels)}
    values = pair_values(pairs, _NODE, NODES) | moves
    return SPACE.validate({**SPACE.defaults, **values, "Depth": len(levels), **others})


def architecture(configuration: Mapping[str, Scalar]) -> str:
    """Return the canonical text of an architecture."""
    cell = "|".join(f"{state}{name}" for name, state in pairs_of(configuration))
    levels = ",".join(map(str, levels_of(configuration)))
    return f"autodeeplab:{configuration['Width']}:{levels}:{cell}"
