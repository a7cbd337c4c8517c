"""Versions of releases: ``major.minor.patch``, with ``-rc.1`` and the like for trials."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from nepsbench.errors import SpecError

_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?", flags=re.ASCII)


def precedence(version: str) -> tuple[Any, ...]:
    """Return a sort key: later versions are greater. Source: semver.org 2.0.0, item 11.

    Raises:
        SpecError: If ``version`` has another form.
    """
    match = _VERSION.fullmatch(version)
    if match is None:
        raise SpecError(f"{version!r} is no release version; write it like 1.0.0 or 1.0.0-rc.1")
    *numbers, suffix = match.groups()
    identifiers = tuple(
        (0, int(part), "") if part.isdigit() else (1, 0, part)
        for part in (suffix.split(".") if suffix else ())
    )
    return (*map(int, numbers), suffix is None, identifiers)


def is_version(text: str) -> bool:
    """Return whether ``text`` has the form of a release version."""
    return _VERSION.fullmatch(text) is not None


def newest(versions: Iterable[str]) -> str:
    """Return the latest of some versions (at least one)."""
    return max(versions, key=precedence)


def next_free(versions: Iterable[str]) -> str:
    """Return the version one patch above the latest of some (at least one)."""
    major, minor, patch = precedence(newest(versions))[:3]
    return f"{major}.{minor}.{patch + 1}"
