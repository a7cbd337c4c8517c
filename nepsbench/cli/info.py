"""``nepsbench info``: what to know of a benchmark, and what of it is here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from nepsbench.cli.rows import JSON, echo_fact, echo_rows

if TYPE_CHECKING:
    from nepsbench.notes import Note

_WIDTH = 100


def info(
    name: str | None = typer.Argument(
        None, help="A benchmark, like nasbench201-cifar10, or a family. Default: list the families."
    ),
    as_json: bool = JSON,
    home: Path | None = typer.Option(None, "--home", help="Data home. Default: NEPSBENCH_HOME."),
) -> None:
    """Say what a benchmark is, what its splits mean, whom to cite, and what is known to be wrong.

    Example: nepsbench info nasbench201-cifar10
    """
    from nepsbench.home import data_home
    from nepsbench.notes import all_notes, find_note

    if name is None:
        rows = [
            {"family": family, "title": known.title, "benchmarks": list(known.benchmarks)}
            for family, known in all_notes().items()
        ]
        echo_rows(rows, as_json=as_json)
        return
    note = find_note(name)
    lines = [*_noted(note)] if note is not None else []
    here = [*_here(name, data_home(home))]
    if not lines and not here:
        _refuse(name, list(all_notes()))
    told = {"asked": name, "note": None if note is None else asdict(note), "here": here}
    echo_fact(told, "\n".join([*lines, *here]), as_json=as_json)


def _noted(note: Note) -> Iterator[str]:
    yield note.title
    yield from _wrapped(note.what)
    yield from _facts(
        {
            "benchmarks": ", ".join(note.benchmarks),
            "import": ", ".join(f"nepsbench import {kind}" for kind in note.kinds),
            "cite": note.citation,
            "licence": note.licence,
            "address": note.url,
        }
    )
    yield "splits"
    for split, meaning in note.splits.items():
        yield from _wrapped(f"{split}: {meaning}", bullet="- ")
    yield "to know"
    for erratum in note.errata:
        where = f" ({erratum.where})" if erratum.where else ""
        yield from _wrapped(f"{erratum.text}{where}", bullet="- ")


def _here(name: str, home: Path) -> Iterator[str]:
    """Yield what the data home has of a benchmark, or of all benchmarks of a family."""
    from nepsbench.client.locate import list_releases

    for benchmark, versions in list_releases(home).items():
        if _is_asked(benchmark, name):
            yield f"release {benchmark}: {' '.join(versions)}"
            yield from _audits(home / "releases" / benchmark, versions)
    if (home / "commits").is_dir():
        yield from _in_warehouse(name, home)


def _audits(folder: Path, versions: list[str]) -> Iterator[str]:
    """Yield how much of each version was trained again, where any was."""
    from nepsbench.release.audited import audit_line
    from nepsbench.release.manifest import read_manifest

    for version in versions:
        audit = read_manifest(folder / version).audit
        if audit is not None:
            yield from _wrapped(f"{version}: {audit_line(audit)}")


def _in_warehouse(name: str, home: Path) -> Iterator[str]:
    try:
        from nepsbench.warehouse.commits import newest_commit
    except ModuleNotFoundError:  # pyarrow: who only reads releases lacks it
        return
    commit = newest_commit(home)
    trials: dict[tuple[str, str], int] = {}
    for file in commit.select(table="trials"):
        key = (file.benchmark, file.profile)
        trials[key] = trials.get(key, 0) + file.rows
    for (benchmark, profile), count in sorted(trials.items()):
        if _is_asked(benchmark, name):
            yield f"warehouse {benchmark}: {count} trials in profile {profile}"
    for entry in commit.imports:
        for benchmark, about in entry.about.items():
            if _is_asked(benchmark, name):
                yield f"{benchmark}, imported as {entry.name} ({entry.kind}); its publisher says:"
                yield from _facts(about)


def _is_asked(benchmark: str, name: str) -> bool:
    """Return whether a benchmark, or the family that it is of, has that name."""
    from nepsbench.notes import note_of

    note = note_of(benchmark)
    return benchmark == name or (note is not None and note.name == name)


def _facts(facts: Mapping[str, str]) -> Iterator[str]:
    for name, value in facts.items():
        if value:
            yield from _wrapped(f"{name}: {value}")


def _wrapped(text: str, *, bullet: str = "") -> Iterator[str]:
    from textwrap import wrap

    yield from wrap(
        text,
        _WIDTH,
        initial_indent=f"  {bullet}",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _refuse(name: str, families: list[str]) -> None:
    from nepsbench.errors import SpecError

    raise SpecError(
        f"nothing is known of a benchmark {name!r}; there are notes on: {', '.join(families)}; and "
        "on what the data home holds (nepsbench warehouse show, nepsbench release list)"
    )
