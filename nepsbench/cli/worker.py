"""``nepsbench worker``: What runs inside a job."""

from __future__ import annotations

import typer

app = typer.Typer(help="What runs inside a job.", no_args_is_help=True)
