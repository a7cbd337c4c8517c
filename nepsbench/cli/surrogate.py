"""``nepsbench surrogate``: Fit and judge a surrogate."""

from __future__ import annotations

import typer

app = typer.Typer(help="Fit and judge a surrogate.", no_args_is_help=True)
