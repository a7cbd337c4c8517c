"""``nepsbench release``: Build and verify releases."""

from __future__ import annotations

import typer

app = typer.Typer(help="Build and verify releases.", no_args_is_help=True)
