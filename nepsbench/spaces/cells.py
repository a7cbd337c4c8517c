"""NAS-Bench-201 cells: four nodes, six edges, five operations, and the notations in use.

Two edge orders and two operation numberings exist in the field; this is the one place that knows
both. A cell here is a tuple of six operation names in the stored (JAHS) edge order.
"""

from __future__ import annotations

import re

from nepsbench.errors import InvalidConfigurationError

Cell = tuple[str, str, str, str, str, str]

#: Edge order of JAHS-Bench-201, NASLib and mf-prior-bench, and the one stored here.
JAHS_EDGES = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))
#: Edge order of NAS-Bench-201, NATS-Bench, NNI and NAS-HPO-Bench-II.
NATS_EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))

#: Operations by JAHS number, under their NAS-Bench-201 names.
JAHS_OPERATIONS = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")

_FROM_NATS = tuple(NATS_EDGES.index(edge) for edge in JAHS_EDGES)
_FROM_JAHS = tuple(JAHS_EDGES.index(edge) for edge in NATS_EDGES)
_STRING = re.compile(
    r"\|(\w+)~0\|\+\|(\w+)~0\|(\w+)~1\|\+\|(\w+)~0\|(\w+)~1\|(\w+)~2\|", flags=re.ASCII
)


def to_arch_str(cell: Cell) -> str:
    """Return NAS-Bench-201's string: ``|op~0|+|op~0|op~1|+|op~0|op~1|op~2|``."""
    a, b, c, d, e, f = (cell[i] for i in _FROM_JAHS)
    return f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"


def from_arch_str(text: str) -> Cell:
    """Return the cell of a NAS-Bench-201 string.

    Raises:
        InvalidConfigurationError: If the string has another form, or an unknown operation.
    """
    match = _STRING.fullmatch(text.strip())
    if match is None:
        raise InvalidConfigurationError(
            f"{text!r} is no NAS-Bench-201 string; its form is |op~0|+|op~0|op~1|+|op~0|op~1|op~2|"
        )
    for operation in match.groups():
        if operation not in JAHS_OPERATIONS:
            raise InvalidConfigurationError(
                f"unknown operation {operation!r} in {text!r}; choose one of "
                + ", ".join(JAHS_OPERATIONS)
            )
    a, b, c, d, e, f = (match.groups()[i] for i in _FROM_NATS)
    return a, b, c, d, e, f
