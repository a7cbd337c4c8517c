"""What every command keeps: an example in its help, and JSON where it prints what it found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import typer

from nepsbench.cli.main import app

#: Commands that do something and print where, or a line of progress at a time: their results are
#: files, or read by another command.
DO = {
    "version", "draw", "worker run", "profile create", "profile extend", "jobs plan",
    "cluster install", "cluster cancel", "cluster sweep", "cluster forget", "campaign run",
    "warehouse drop", "warehouse rebuild", "surrogate tune", "release page", "weights fetch",
    "search run", "search oneshot", "search finals", "search compare", "search report",
    "search reproduce",
}  # fmt: skip


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    for name, each in getattr(command, "commands", {}).items():
        if not each.hidden:
            yield from commands(each, (*path, name))
    if not hasattr(command, "commands"):
        yield " ".join(path), command


COMMANDS = dict(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_an_example_of_itself(name: str) -> None:
    said = COMMANDS[name].help or ""
    assert f"Example: nepsbench {name}" in " ".join(said.split())


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - DO))
def test_every_command_that_tells_something_tells_it_as_json(name: str) -> None:
    assert "--json" in [option for param in COMMANDS[name].params for option in param.opts]


def test_the_commands_that_do_are_commands_without_json() -> None:
    assert set(COMMANDS) >= DO
    for name in DO:
        assert "--json" not in [option for param in COMMANDS[name].params for option in param.opts]
