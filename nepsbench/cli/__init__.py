"""The ``nepsbench`` command: one module a noun, one function a command, imports inside."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command; without typer, which the client does not need, say what to install."""
    try:
        from nepsbench.cli.main import main as run
    except ModuleNotFoundError as error:
        if error.name != "typer":
            raise
        print("error: typer is not installed; run: pip install 'nepsbench[cli]'", file=sys.stderr)
        sys.exit(1)
    run()
