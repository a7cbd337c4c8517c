"""Spaces of searches: a configuration says which method searches, with a supernet of which size.

A trial of such a space is a search. It is drawn, submitted, resumed, tracked and stored as every
trial is; what it found stands in the column ``found``, a configuration of another space.
"""

from __future__ import annotations

from collections.abc import Mapping

from nepsbench.spaces.parameters import Categorical, LogFloat, Parameter, Scalar
from nepsbench.spaces.space import Space

#: Methods on NAS-Bench-201's cells, and the epochs of their published schedules there.
CELL_METHODS = {
    "darts": 50,
    "darts_second_order": 50,
    "gdas": 250,
    "setn": 250,
    "enas": 250,
    "random_sharing": 250,
}


#: What names of these spaces begin with; behind it stands that which architectures are found in.
PREFIX = "oneshot_"


def _size(widths: tuple[int, ...], width: int, depths: tuple[int, ...], depth: int) -> tuple[
    Parameter, Parameter
]:  # fmt: skip
    return Categorical("Width", widths, width), Categorical("Depth", depths, depth)


def _rate(default: float) -> Parameter:
    return LogFloat("ArchitectureRate", 1e-5, 1.0, default)


NASBENCH201 = Space(
    name="oneshot_nasbench201",
    version=1,
    parameters=(
        Categorical("Method", tuple(CELL_METHODS), "gdas"),
        *_size((4, 8, 16), 16, (1, 2, 3, 4, 5), 5),
        _rate(3e-4),
    ),
    fidelities=("Width", "Depth"),
    training=("ArchitectureRate",),
)


DARTS = Space(
    name="oneshot_darts",
    version=1,
    parameters=(
        Categorical("Method", ("gaea_pc_darts",), "gaea_pc_darts"),
        *_size((8, 16), 16, tuple(range(2, 9)), 8),
        _rate(0.1),
    ),
    fidelities=("Width", "Depth"),
    training=("ArchitectureRate",),
)

AMBER = Space(
    name="oneshot_amber",
    version=1,
    parameters=(
        Categorical("Method", ("amber",), "amber"),
        Categorical("Width", (4, 8, 16, 32), 32),
        _rate(1e-3),
    ),
    fidelities=("Width",),
    training=("ArchitectureRate",),
)
DENSENAS = Space(
    name="oneshot_densenas",
    version=1,
    parameters=(
        Categorical("Method", ("densenas", "densenas_random"), "densenas"),
        Categorical("Width", (0.125, 0.25, 0.5, 1.0), 1.0),
        Categorical("Depth", (0, 1, 2, 5, 15), 15),
        _rate(3e-4),
    ),
    fidelities=("Width", "Depth"),
    training=("ArchitectureRate",),
)

AUTODEEPLAB = Space(
    name="oneshot_autodeeplab",
    version=1,
    parameters=(
        Categorical("Method", ("auto_deeplab",), "auto_deeplab"),
        *_size((2, 4, 8), 8, tuple(range(1, 13)), 12),
        _rate(3e-3),
    ),
    fidelities=("Width", "Depth"),
    training=("ArchitectureRate",),
)


def published_epochs(space: str, method: str) -> int:
    """Return the epochs of a method's published schedule.

    Args:
        space: A space of searches.
        method: One of its methods.
    """
    return _EPOCHS[space][method]


#: NAS-Bench-360's for all but NAS-Bench-201's cells; AMBER has episodes, and no epochs there.
_EPOCHS = {
    NASBENCH201.name: CELL_METHODS,
    DARTS.name: {"gaea_pc_darts": 50},
    AMBER.name: {"amber": 50},
    AUTODEEPLAB.name: {"auto_deeplab": 40},
    DENSENAS.name: {"densenas": 70, "densenas_random": 2},
}

#: Parameters that make the supernet.
ARCHITECTURE = ("Method", "Width", "Depth")


def architecture(configuration: Mapping[str, Scalar]) -> str:
    """Return the canonical text of a supernet."""
    return "oneshot:" + ",".join(
        str(configuration[name]) for name in ARCHITECTURE if name in configuration
    )
