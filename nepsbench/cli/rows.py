"""How commands print what they found: a table for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, Protocol

import typer

#: The option of every command that prints what it found.
JSON = typer.Option(False, "--json", help="As JSON.")
_WIDE = 10_000


def echo_rows(rows: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """Print rows that have the same keys: as a table, or as a JSON list.

    Args:
        rows: The rows; a list among their values is joined by spaces in the table.
        as_json: True for JSON.
    """
    if as_json:
        typer.echo(json.dumps([*rows], indent=1, default=str))
    elif rows:
        numbers = [isinstance(value, int | float) for value in rows[0].values()]
        print_table([*rows[0]], [[*row.values()] for row in rows], numbers)
    else:
        typer.echo("none")


def print_table(
    names: Sequence[str], rows: Iterable[Sequence[Any]], numbers: Sequence[bool]
) -> None:
    """Print a table.

    Args:
        names: Of its columns.
        rows: Values of each row.
        numbers: Which columns stand on the right.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD)
    for name, right in zip(names, numbers, strict=True):
        table.add_column(Text(name), justify="right" if right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(_shown(value)) for value in row))
    # Piped into a file, a table need not fit a screen.
    console = Console(width=None if sys.stdout.isatty() else _WIDE)
    with console.capture() as printed:
        console.print(table)
    lines = [line.rstrip() for line in printed.get().splitlines()]
    typer.echo("\n".join(line for line in lines if line))


def echo_fact(fact: Mapping[str, Any], text: str, *, as_json: bool) -> None:
    """Print one thing: as the text given, or as a JSON object."""
    typer.echo(json.dumps(fact, indent=1, default=str) if as_json else text)


class Judged(Protocol):
    """What was looked at, how it is, and what to do about it."""

    @property
    def verdict(self) -> Enum:
        """How it is."""

    @property
    def name(self) -> str:
        """What was looked at."""

    @property
    def detail(self) -> str:
        """What was seen."""

    @property
    def remedy(self) -> str:
        """What to do; empty if nothing."""


def echo_verdicts(found: Iterable[Judged], *, as_json: bool) -> None:
    """Print what an examination found, a row each."""
    rows = [
        {"verdict": each.verdict.value, "what": each.name, "detail": each.detail,
         "remedy": each.remedy}
        for each in found
    ]  # fmt: skip
    echo_rows(rows, as_json=as_json)


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)
