"""Spaces that a file describes: a mapping file of somebody's table, or the manifest of a release.

A description is what JSON can say: ``name``, ``version``, ``fidelities`` and ``parameters``, where
a parameter has ``choices``, or ``lower``, ``upper`` and ``log``, and a ``default``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nepsbench.errors import SpecError, VersionMismatchError
from nepsbench.spaces import get_space, space_names
from nepsbench.spaces.finite import FiniteSpace
from nepsbench.spaces.parameters import Categorical, Float, LogFloat, Parameter, Scalar
from nepsbench.spaces.space import Space

#: Columns of ``trials`` that a parameter's column would hide.
_RESERVED = ("benchmark",)


def describe_space(space: Space) -> dict[str, Any]:
    """Return name, version, fidelities and parameters of a space, as JSON can say it."""
    parameters = {
        p.name: {"choices": list(p.choices), "default": p.default}
        if isinstance(p, Categorical)
        else {"lower": p.lower, "upper": p.upper, "log": p.log, "default": p.default}
        for p in space.parameters
    }
    return {
        "name": space.name,
        "version": space.version,
        "fidelities": list(space.fidelities),
        "parameters": parameters,
    }


def space_from(description: Mapping[str, Any]) -> Space:
    """Return the space that was described; one of nepsbench's own, if it has that name.

    Without real parameters it is a :class:`FiniteSpace` that counts the last parameter fastest.

    Raises:
        SpecError: If the description is none of a space.
        VersionMismatchError: If it describes another version of a space of nepsbench's own.
    """
    name = str(_entry(description, "name", "a space"))
    if name in space_names():
        return _own(name, description)
    parameters = _entry(description, "parameters", f"space {name}")
    if not isinstance(parameters, Mapping) or not parameters:
        raise SpecError(f"space {name}: give its parameters by name")
    made = tuple(_parameter(name, str(key), value) for key, value in parameters.items())
    version = description.get("version", 1)
    if isinstance(version, bool) or not isinstance(version, int):
        raise SpecError(f"space {name}: version is a whole number, not {version!r}")
    fidelities = tuple(map(str, description.get("fidelities", ())))
    for fidelity in fidelities:
        if fidelity not in parameters:
            raise SpecError(f"space {name}: the fidelity {fidelity!r} is none of its parameters")
    finite = all(isinstance(parameter, Categorical) for parameter in made)
    kind = FiniteSpace if finite else Space
    return kind(name=name, version=version, parameters=made, fidelities=fidelities)


def _own(name: str, description: Mapping[str, Any]) -> Space:
    space = get_space(name)
    # A file may leave all but the name out; what it says must be so.
    own = describe_space(space)
    for key, value in description.items():
        if value != own.get(key):
            raise VersionMismatchError(
                f"space {name}: {key} is not that of this nepsbench, whose version of the space is "
                f"{space.version}; install the version that wrote this, or use another name"
            )
    return space


def _parameter(space: str, name: str, description: object) -> Parameter:
    where = f"space {space}: parameter {name}"
    _refuse_reserved(where, name)
    if not isinstance(description, Mapping):
        raise SpecError(f"{where}: give choices, or lower and upper")
    if "choices" in description:
        return _categorical(where, name, description)
    lower, upper = (_number(where, description, key) for key in ("lower", "upper"))
    log = bool(description.get("log", False))
    if not lower < upper or (log and lower <= 0):
        more = ", and above 0 for a logarithm" if log else ""
        raise SpecError(f"{where}: lower must be below upper{more}")
    kind = LogFloat if log else Float
    default = float(description.get("default", lower))
    if not lower <= default <= upper:
        raise SpecError(f"{where}: the default {default:g} is out of range")
    return kind(name, lower, upper, default)


def _categorical(where: str, name: str, description: Mapping[str, Any]) -> Categorical:
    choices = description["choices"]
    if not isinstance(choices, list | tuple) or not choices:
        raise SpecError(f"{where}: choices is a list of values")
    if len(set(map(repr, choices))) < len(choices):
        raise SpecError(f"{where}: a choice stands twice")
    kinds = {_kind(where, choice) for choice in choices}
    if len(kinds) > 1:
        raise SpecError(f"{where}: choices are all text, all numbers, or all true and false")
    default: Scalar = description.get("default", choices[0])
    if default not in choices:
        raise SpecError(f"{where}: the default {default!r} is none of the choices")
    return Categorical(name, tuple(choices), default)


def _kind(where: str, choice: object) -> str:
    """Return the kind of a choice; a column holds one kind."""
    if isinstance(choice, bool):
        return "flag"
    if isinstance(choice, int | float):
        return "number"
    if isinstance(choice, str):
        return "text"
    raise SpecError(f"{where}: the choice {choice!r} is no text, number, true or false")


def _refuse_reserved(where: str, name: str) -> None:
    """Refuse a parameter that has the name of another column of the tables."""
    from nepsbench.schema import EPOCH_COLUMNS, TRIAL_COLUMNS

    taken = {column.name.lower() for column in (*TRIAL_COLUMNS, *EPOCH_COLUMNS)} | {*_RESERVED}
    if name.lower() in taken:
        raise SpecError(f"{where}: the tables have a column of that name; call it otherwise")


def _number(where: str, description: Mapping[str, Any], key: str) -> float:
    value = _entry(description, key, where)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SpecError(f"{where}: {key} is a number, not {value!r}")
    return float(value)


def _entry(description: Mapping[str, Any], key: str, where: str) -> Any:
    if key not in description:
        raise SpecError(f"{where}: {key} is missing")
    return description[key]
