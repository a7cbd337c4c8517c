"""``perceiver_io``: Perceiver IO, one network for images, sequences and maps, in several sizes.

The default is NAS-Bench-360's baseline.
Source: Jaegle et al., Perceiver IO (ICLR 2022); rtu715/NAS-Bench-360, ``perceiver-io``, after
krasserm/perceiver-io.
"""

from __future__ import annotations

from collections.abc import Mapping

from nepsbench.spaces.parameters import Categorical, Float, Scalar
from nepsbench.spaces.space import Space

SPACE = Space(
    name="perceiver_io",
    version=1,
    parameters=(
        Categorical("Latents", (8, 16, 32, 64, 128), 32),
        Categorical("Width", (16, 32, 64, 128, 256), 128),
        Categorical("Layers", (1, 2, 3, 4), 3),
        Categorical("SelfAttention", (1, 2, 4, 6, 8), 6),
        Float("Dropout", 0.0, 0.5, 0.0),
    ),
    fidelities=("Width", "Layers"),
)

#: Parameters that make the architecture; Dropout is of its training.
ARCHITECTURE = ("Latents", "Width", "Layers", "SelfAttention")


def architecture(configuration: Mapping[str, Scalar]) -> str:
    """Return the canonical text of an architecture."""
    return "perceiver_io:" + ",".join(str(configuration[name]) for name in ARCHITECTURE)
