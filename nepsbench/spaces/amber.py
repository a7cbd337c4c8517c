"""``amber``: convolutional networks for sequences, twelve layers and the connections between them.

Each layer has one operation and may read, beside the layer before it, any earlier one.
Source: Zhang et al., An automated framework for efficiently designing deep convolutional neural
networks in genomics (AMBER, Nature Machine Intelligence 2021); NAS-Bench-360, ``AMBER/examples``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nepsbench.spaces.parameters import Categorical, Scalar
from nepsbench.spaces.space import Configuration, Space

LAYERS = 12
#: Layers behind which the channels double.
EXPANDS = (2, 5, 8)
OPERATIONS = (
    "conv_8", "conv_4", "conv_8_dilated_10", "conv_4_dilated_10", "max_pool_4", "avg_pool_4",
    "identity",
)  # fmt: skip

#: A layer and an earlier one that it may read; the one before it it reads always.
SKIPS = tuple((layer, source) for layer in range(2, LAYERS) for source in range(layer - 1))

SPACE = Space(
    name="amber",
    version=1,
    parameters=(
        *(Categorical(f"layer_{k}", OPERATIONS, "conv_8") for k in range(LAYERS)),
        *(Categorical(f"skip_{source}_{k}", (False, True), False) for k, source in SKIPS),
        Categorical("Width", (4, 8, 16, 32, 64), 32),
    ),
    fidelities=("Width",),
)

#: Parameters that make the architecture: all.
ARCHITECTURE = SPACE.names


def architecture(configuration: Mapping[str, Scalar]) -> str:
    """Return the canonical text of an architecture."""
    operations, sources = parts_of(configuration)
    layers = ";".join(
        f"{name}<{','.join(map(str, read))}" for name, read in zip(operations, sources, strict=True)
    )
    return f"amber:{configuration['Width']}:{layers}"


def parts_of(configuration: Mapping[str, Scalar]) -> tuple[list[str], list[list[int]]]:
    """Return the operation of each layer, and the layers that it reads beside the one before."""
    operations = [str(configuration[f"layer_{k}"]) for k in range(LAYERS)]
    sources: list[list[int]] = [[] for _ in range(LAYERS)]
    for layer, source in SKIPS:
        if configuration[f"skip_{source}_{layer}"]:
            sources[layer].append(source)
    return operations, sources


def from_parts(
    operations: Sequence[str], sources: Sequence[Sequence[int]], **others: Scalar
) -> Configuration:
    """Return the configuration of operations and connections; see :func:`parts_of`.

    Raises:
        InvalidConfigurationError: If there is no such network.
    """
    values = {f"layer_{k}": name for k, name in enumerate(operations)}
    skips = {f"skip_{source}_{k}": source in sources[k] for k, source in SKIPS}
    return SPACE.validate({**SPACE.defaults, **values, **skips, **others})
