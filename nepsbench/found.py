"""What a search found, as the column ``found`` of ``trials`` holds it.

JSON of two keys: ``space``, and ``configuration`` in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from nepsbench.spaces import Configuration, Scalar, get_space


def found_column(space: str, configuration: Mapping[str, Scalar]) -> str:
    """Return the value of the column for a configuration of a space.

    Raises:
        InvalidConfigurationError: If it is not in the space.
    """
    found = {"space": space, "configuration": get_space(space).validate(configuration)}
    return json.dumps(found, separators=(",", ":"))


def found_in(column: str) -> tuple[str, Configuration]:
    """Return space and configuration, from the value of the column."""
    content: dict[str, Any] = json.loads(column)
    return content["space"], content["configuration"]
