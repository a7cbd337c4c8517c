"""Notes on benchmarks, read from JSON without anything but the standard library."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True)
class Erratum:
    """Something that its users should know, and where it is told: an issue, a file, or nothing."""

    text: str
    where: str = ""


@dataclass(frozen=True)
class Note:
    """What is known of a family of benchmarks.

    Attributes:
        name: Of the family, like ``nasbench201``.
        title: What its authors call it.
        benchmarks: Names, or patterns with ``*``, of its benchmarks.
        kinds: Kinds of import that fill them.
        what: What was trained.
        citation: Whom to cite.
        licence: Of the published data.
        url: Where its authors publish it; may be empty.
        splits: What each split is, or each dataset's.
        errata: Known errors, and where names mislead.
    """

    name: str
    title: str
    benchmarks: tuple[str, ...]
    kinds: tuple[str, ...]
    what: str
    citation: str
    licence: str
    url: str
    splits: Mapping[str, str]
    errata: tuple[Erratum, ...]

    def short(self) -> dict[str, str]:
        """Return title, citation, licence and address: what a release says of its origin."""
        said = {key: getattr(self, key) for key in ("title", "citation", "licence", "url")}
        return {key: value for key, value in said.items() if value}


@cache
def all_notes() -> dict[str, Note]:
    """Return all notes by the name of their family."""
    found = sorted(files("nepsbench.notes").iterdir(), key=lambda item: item.name)
    named = ((i.name.removesuffix(".json"), i) for i in found if i.name.endswith(".json"))
    return {name: _note(name, json.loads(item.read_text(encoding="utf-8"))) for name, item in named}


def note_of(benchmark: str) -> Note | None:
    """Return the note on a benchmark, None if there is none; the closest pattern counts."""
    matching = [
        (len(pattern.replace("*", "")), note)
        for note in all_notes().values()
        for pattern in note.benchmarks
        if fnmatchcase(benchmark, pattern)
    ]
    return max(matching, key=lambda pair: pair[0])[1] if matching else None


def find_note(name: str) -> Note | None:
    """Return the note on a family or a benchmark, None if there is none."""
    return all_notes().get(name) or note_of(name)


def _note(name: str, content: Mapping[str, Any]) -> Note:
    return Note(
        name=name,
        title=content["title"],
        benchmarks=tuple(content["benchmarks"]),
        kinds=tuple(content["kinds"]),
        what=content["what"],
        citation=content["citation"],
        licence=content["licence"],
        url=content["url"],
        splits=dict(content["splits"]),
        errata=tuple(Erratum(each["text"], each.get("where", "")) for each in content["errata"]),
    )
