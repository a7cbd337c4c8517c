"""``nepsbench101``: the joint space of NEPSBench-101, the ancestor of JAHS-Bench-201.

Fourteen dimensions: three fidelities (depth N, width W, Resolution), six operations of a
NAS-Bench-201 cell, and five of training. Operation numbers and edge order are those of JAHS.
Source: jahs_bench 0.0 (NEPSBench-101), ``lib/core/configspace.py``.
"""

from __future__ import annotations

from collections.abc import Mapping

from nepsbench.spaces import cells
from nepsbench.spaces.architecture import cell_text
from nepsbench.spaces.parameters import Categorical, LogFloat, Scalar
from nepsbench.spaces.space import Configuration, Space

OPERATIONS = tuple(f"Op{edge}" for edge in range(1, 7))

SPACE = Space(
    name="nepsbench101",
    version=1,
    parameters=(
        Categorical("N", (1, 3, 5), 1),
        Categorical("W", (4, 8, 16), 4),
        *(Categorical(name, (0, 1, 2, 3, 4), 0) for name in OPERATIONS),
        Categorical("Resolution", (0.25, 0.5, 1.0), 1.0),
        Categorical("TrivialAugment", (False, True), False),
        Categorical("Activation", ("ReLU", "Hardswish", "Mish"), "ReLU"),
        Categorical("Optimizer", ("AdamW", "SGD"), "SGD"),
        LogFloat("LearningRate", 1e-3, 1.0, 1e-1),
        LogFloat("WeightDecay", 1e-5, 1e-2, 5e-4),
    ),
    fidelities=("N", "W", "Resolution"),
    training=("Resolution", "TrivialAugment", "Optimizer", "LearningRate", "WeightDecay"),
)

#: Parameters that make the architecture: the cell, without depth, width and activation.
ARCHITECTURE = OPERATIONS


def cell_of(configuration: Mapping[str, Scalar]) -> cells.Cell:
    """Return the configuration's cell as operation names in the stored edge order."""
    a, b, c, d, e, f = (cells.JAHS_OPERATIONS[int(configuration[name])] for name in OPERATIONS)
    return a, b, c, d, e, f


def to_arch_str(configuration: Mapping[str, Scalar]) -> str:
    """Return the configuration's cell in NAS-Bench-201's notation."""
    return cells.to_arch_str(cell_of(SPACE.validate(configuration)))


def from_arch_str(text: str, **others: Scalar) -> Configuration:
    """Return a configuration with this NAS-Bench-201 cell; all else default or from ``others``.

    Raises:
        InvalidConfigurationError: If ``text`` or ``others`` are not valid.
    """
    operations: dict[str, Scalar] = {
        name: cells.JAHS_OPERATIONS.index(operation)
        for name, operation in zip(OPERATIONS, cells.from_arch_str(text), strict=True)
    }
    return SPACE.validate({**SPACE.defaults, **operations, **others})


def architecture(configuration: Mapping[str, Scalar]) -> str:
    """Return the canonical text of the configuration's cell."""
    return cell_text(cell_of(configuration))
