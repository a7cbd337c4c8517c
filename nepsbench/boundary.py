"""Where files and forms come in: their models, and what is said of one that is wrong."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import get_args

from pydantic import BaseModel, ConfigDict, ValidationError


class Section(BaseModel):
    """A part of a file or form: it has no other keys, and never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def first_problem(error: ValidationError, model: type[BaseModel]) -> str:
    """Return the first problem that pydantic found in one line; an unknown key gets a hint.

    Args:
        error: What validating ``model`` raised.
        model: The model of the whole file or form.
    """
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = list(_section(model, first["loc"][:-1]).model_fields)
        near = difflib.get_close_matches(str(first["loc"][-1]), known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}"
        return f"unknown key {place!r}; {hint}"
    message = first["msg"].removeprefix("Value error, ")
    # A whole section says less than its place.
    given = first["input"]
    shown = (
        f", not {given!r}" if given is None or isinstance(given, bool | int | float | str) else ""
    )
    return f"{place}: {message}{shown}" if place else message


def _section(model: type[BaseModel], place: Sequence[int | str]) -> type[BaseModel]:
    """Return the model that stands at ``place``; steps into lists and optional parts too."""
    for part in place:
        field = model.model_fields.get(str(part))
        if field is not None:
            kinds = (field.annotation, *get_args(field.annotation))
            sections = [k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)]
            model = sections[0] if sections else model
    return model
