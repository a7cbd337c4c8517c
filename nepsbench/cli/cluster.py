"""``nepsbench cluster``: Clusters: install, check, submit, poll, cancel."""

from __future__ import annotations

import typer

app = typer.Typer(help="Clusters: install, check, submit, poll, cancel.", no_args_is_help=True)
