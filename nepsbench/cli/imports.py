"""``nepsbench import``: a published table into the warehouse."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from nepsbench.cli.rows import JSON, echo_rows

if TYPE_CHECKING:
    from nepsbench.warehouse.importers import Option, Progress
    from nepsbench.warehouse.importing import ImportReport


def import_published(
    kind: str | None = typer.Argument(None, help="Kind of table. Default: list the kinds."),
    path: Path | None = typer.Argument(None, help="The published file or folder."),
    name: str | None = typer.Option(None, help="The import's name. Default: the file's."),
    option: list[str] = typer.Option([], help="One of the kind's own: key=value. May be repeated."),
    mapping: str | None = typer.Option(
        None, help="What the columns of a 'table' mean: a file, or the name of one of nepsbench's."
    ),
    release: str | None = typer.Option(
        None, help="Build a release of this version of every benchmark that the import fills."
    ),
    as_json: bool = JSON,
    home: Path | None = typer.Option(None, "--home", help="Data home. Default: NEPSBENCH_HOME."),
) -> None:
    """Import a published table, whole or not at all; the same files again change nothing.

    Example: nepsbench import nats NATS-tss-v1_0-3ffb9-simple --release 1.0.0
    """
    from nepsbench.campaign.importing import import_and_publish
    from nepsbench.home import data_home

    if kind is None:
        _list_kinds(as_json=as_json)
        return
    if path is None:
        raise typer.BadParameter(f"give the file or folder of kind {kind}", param_hint="PATH")
    options = parse_options(option) | ({} if mapping is None else {"mapping": mapping})
    with _progress_bar(path) as progress:
        done = import_and_publish(
            kind,
            path,
            data_home(home),
            name=name,
            options=options,
            release=release,
            progress=progress,
        )
    if as_json:
        told = {**asdict(done.report), "releases": [str(folder) for folder in done.releases]}
        typer.echo(json.dumps(told, default=str))
        return
    _print(done.report)
    for folder in done.releases:
        typer.echo(folder)


def _list_kinds(*, as_json: bool) -> None:
    from nepsbench.warehouse.importers import KINDS

    rows = [{"kind": kind.name, "reads": kind.reads} for kind in KINDS.values()]
    echo_rows(rows, as_json=as_json)


def parse_options(words: list[str]) -> dict[str, Option]:
    """Return ``key=value`` words as options; numbers, true and false are taken as such.

    Raises:
        SpecError: If a word has no ``=``.
    """
    from nepsbench.errors import SpecError

    found: dict[str, Option] = {}
    for word in words:
        key, sign, value = word.partition("=")
        if not sign or not key:
            raise SpecError(f"--option {word}: give key=value")
        found[key] = _option(value)
    return found


def _option(value: str) -> Option:
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return value


@contextmanager
def _progress_bar(path: Path) -> Iterator[Progress]:
    """Show how far the import is, how fast it reads, and how long it will take; on a screen."""
    from rich.console import Console
    from rich.filesize import decimal
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>5.1f} %"),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    size = _size(path)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(path.name, total=None, rate="")

        def tell(done: int, total: int) -> None:
            elapsed = bar.tasks[0].elapsed or 0.0
            share = done / total if total else 0.0
            rate = f"{decimal(int(size * share / elapsed))}/s" if elapsed else ""
            bar.update(task, completed=done, total=total, rate=rate)

        yield tell


def _size(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    if path.is_dir():
        return sum(each.stat().st_size for each in path.rglob("*") if each.is_file())
    return path.stat().st_size if path.is_file() else 0


def _print(report: ImportReport) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("benchmark")
    for name in ("trials", "epochs"):
        table.add_column(name, justify="right")
    for benchmark, row in _rows(report).items():
        table.add_row(benchmark, *(f"{count:,}" for count in row))
    Console(width=None if sys.stdout.isatty() else 240).print(table)
    word = "is in the warehouse now" if report.changed else "was in the warehouse, nothing changed"
    typer.echo(f"import {report.name} {word}: commit {report.commit}")


def _rows(report: ImportReport) -> Mapping[str, tuple[int, int]]:
    return {name: (rows, report.epochs.get(name, 0)) for name, rows in sorted(report.rows.items())}
