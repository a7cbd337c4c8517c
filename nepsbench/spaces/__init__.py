"""Search spaces by name. A space is imported when it is asked for, never before."""

from __future__ import annotations

from importlib import import_module

from nepsbench.errors import SpecError
from nepsbench.spaces.parameters import Categorical, LogFloat, Parameter, Scalar
from nepsbench.spaces.space import Configuration, Space

__all__ = [
    "Categorical",
    "Configuration",
    "LogFloat",
    "Parameter",
    "Scalar",
    "Space",
    "get_space",
    "space_names",
]

_MODULES = {"nepsbench101": "nepsbench.spaces.nepsbench101"}


def space_names() -> tuple[str, ...]:
    """Return the names of all spaces."""
    return tuple(_MODULES)


def get_space(name: str) -> Space:
    """Return the space called ``name``.

    Raises:
        SpecError: If there is no such space.
    """
    if name not in _MODULES:
        raise SpecError(f"unknown space {name!r}; there are: {', '.join(_MODULES)}")
    space: Space = import_module(_MODULES[name]).SPACE
    return space
