"""``nasbench360_backbone``: how NAS-Bench-360's fixed backbones are trained, the space of its ASHA.

The network is given by the dataset: a Wide ResNet 16-4 for images and maps, a residual network for
sequences. Source: Tu et al., NAS-Bench-360 (NeurIPS 2022), appendix; rtu715/NAS-Bench-360,
``backbone/scripts``.
"""

from __future__ import annotations

from collections.abc import Mapping

from nepsbench.spaces.parameters import Categorical, LogFloat, Scalar
from nepsbench.spaces.space import Space

SPACE = Space(
    name="nasbench360_backbone",
    version=1,
    parameters=(
        LogFloat("LearningRate", 1e-4, 0.1, 0.1),
        LogFloat("WeightDecay", 1e-5, 1e-2, 5e-4),
        Categorical("Momentum", (0.0, 0.3, 0.6, 0.9), 0.9),
        Categorical("Dropout", (0.0, 0.3, 0.6), 0.0),
    ),
    fidelities=(),
    training=("LearningRate", "WeightDecay", "Momentum"),
)

#: Parameters that make the architecture: none, since all configurations share one a dataset.
ARCHITECTURE: tuple[str, ...] = ()


def architecture(configuration: Mapping[str, Scalar]) -> str:
    """Return the canonical text of the backbone, which no parameter changes."""
    del configuration
    return SPACE.name
