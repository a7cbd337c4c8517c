"""Spaces of searches: a configuration says which method searches, with a supernet of which size.

A trial of such a space is a search. It is drawn, submitted, resumed, tracked and stored as every
trial is; what it found stands in the column ``found``, a configuration of another space.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from nepsbench.spaces.parameters import Categorical, LogFloat, Scalar
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


#: Epochs of the published schedules by method: NAS-Bench-360's for all but NAS-Bench-201's cells;
#: AMBER has episodes, and no epochs there; the random chains need none.
_EPOCHS: dict[str, dict[str, int]] = {
    "nasbench201": CELL_METHODS,
    "darts": {"gaea_pc_darts": 50},
    "amber": {"amber": 50},
    "densenas": {"densenas": 70, "densenas_random": 2},
    "autodeeplab": {"auto_deeplab": 40},
}


def _searches(searched: str, *, method: str, rate: float, **sizes: Categorical) -> Space:
    """Return the space of searches of another space.

    Args:
        searched: That space.
        method: The default one.
        rate: Default of the architecture's steps.
        sizes: Of the supernet.
    """
    return Space(
        name=PREFIX + searched,
        version=1,
        parameters=(
            Categorical("Method", tuple(_EPOCHS[searched]), method),
            *sizes.values(),
            LogFloat("ArchitectureRate", 1e-5, 1.0, rate),
        ),
        fidelities=tuple(sizes),
        training=("ArchitectureRate",),
    )


def _width(choices: tuple[float, ...], default: float) -> Categorical:
    return Categorical("Width", choices, default)


def _depth(choices: Iterable[int], default: int) -> Categorical:
    return Categorical("Depth", tuple(choices), default)


NASBENCH201 = _searches(
    "nasbench201",
    method="gdas",
    rate=3e-4,
    Width=_width((4, 8, 16), 16),
    Depth=_depth(range(1, 6), 5),
)
DARTS = _searches(
    "darts",
    method="gaea_pc_darts",
    rate=0.1,
    Width=_width((8, 16), 16),
    Depth=_depth(range(2, 9), 8),
)
AMBER = _searches("amber", method="amber", rate=1e-3, Width=_width((4, 8, 16, 32), 32))
DENSENAS = _searches(
    "densenas",
    method="densenas",
    rate=3e-4,
    Width=_width((0.125, 0.25, 0.5, 1.0), 1.0),
    Depth=_depth((0, 1, 2, 5, 15), 15),
)
AUTODEEPLAB = _searches(
    "autodeeplab",
    method="auto_deeplab",
    rate=3e-3,
    Width=_width((2, 4, 8), 8),
    Depth=_depth(range(1, 13), 12),
)


def published_epochs(space: str, method: str) -> int:
    """Return the epochs of a method's published schedule.

    Args:
        space: A space of searches.
        method: One of its methods.
    """
    return _EPOCHS[space.removeprefix(PREFIX)][method]


#: Parameters that make the supernet.
ARCHITECTURE = ("Method", "Width", "Depth")


def architecture(configuration: Mapping[str, Scalar]) -> str:
    """Return the canonical text of a supernet."""
    return "oneshot:" + ",".join(
        str(configuration[name]) for name in ARCHITECTURE if name in configuration
    )
