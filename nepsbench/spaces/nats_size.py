"""``nats_size``: NATS-Bench's size space, 32,768 widths of one network.

Five layers (a cell, a reduction, a cell, a reduction, a cell), each of 8 to 64 channels; the cell
is the same in all. A configuration's number counts the widths like digits, the last one fastest, as
in the published files. Source: Dong et al., NATS-Bench (TPAMI 2021), section 3.2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from nepsbench.errors import InvalidConfigurationError
from nepsbench.spaces import cells
from nepsbench.spaces.finite import FiniteSpace
from nepsbench.spaces.parameters import Categorical, Scalar
from nepsbench.spaces.space import Configuration

CHANNELS = (8, 16, 24, 32, 40, 48, 56, 64)
LAYERS = tuple(f"channels_{layer}" for layer in range(1, 6))

#: The cell of every network: number 9930 of the topology space, best on CIFAR-100's validation set.
CELL = cells.from_arch_str(
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|"
    "+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|"
)

SPACE = FiniteSpace(
    name="nats_size",
    version=1,
    parameters=tuple(Categorical(name, CHANNELS, 64) for name in LAYERS),
    fidelities=(),
)

#: Parameters that make the architecture; all of them.
ARCHITECTURE = LAYERS

_STRING = re.compile(r"\d+(?::\d+){4}", flags=re.ASCII)


def channels_of(configuration: Mapping[str, Scalar]) -> tuple[int, ...]:
    """Return the width of each layer."""
    return tuple(int(configuration[name]) for name in LAYERS)


def to_channels_str(configuration: Mapping[str, Scalar]) -> str:
    """Return NATS-Bench's string, for example ``64:64:64:64:64``."""
    return ":".join(map(str, channels_of(SPACE.validate(configuration))))


def from_channels_str(text: str) -> Configuration:
    """Return the configuration of a string of widths.

    Raises:
        InvalidConfigurationError: If the string has another form, or a width is no choice.
    """
    if not _STRING.fullmatch(text.strip()):
        raise InvalidConfigurationError(
            f"{text!r} names no network of {SPACE.name}; give five widths, as in 8:16:24:32:64"
        )
    widths = map(int, text.split(":"))
    return SPACE.validate(dict(zip(LAYERS, widths, strict=True)))


def parse(query: object) -> Configuration:
    """Return the configuration that a number, a string, five widths or a configuration stands for.

    Raises:
        InvalidConfigurationError: If it is none of these, or not in the space.
    """
    if isinstance(query, str):
        return from_channels_str(query)
    if isinstance(query, Mapping):
        return SPACE.validate(query)
    if isinstance(query, list | tuple):
        return from_channels_str(":".join(map(str, query)))
    if hasattr(query, "__index__"):
        return SPACE.at(query)  # type: ignore[arg-type]
    raise InvalidConfigurationError(
        f"{query!r} names no network of {SPACE.name}; give a number, or widths as in 8:16:24:32:64"
    )


def architecture(configuration: Mapping[str, Scalar]) -> str:
    """Return the canonical text of the network: its widths."""
    return f"{SPACE.name}:{to_channels_str(configuration)}"
