"""``nepsbench profile``: Sampling profiles: create and show."""

from __future__ import annotations

import typer

app = typer.Typer(help="Sampling profiles: create and show.", no_args_is_help=True)
