"""``nepsbench jobs``: Plan jobs from a profile and measured runtimes."""

from __future__ import annotations

import typer

app = typer.Typer(help="Plan jobs from a profile and measured runtimes.", no_args_is_help=True)
