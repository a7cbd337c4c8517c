"""``nepsbench campaign``: The stages of a regeneration, without Airflow."""

from __future__ import annotations

import typer

app = typer.Typer(help="The stages of a regeneration, without Airflow.", no_args_is_help=True)
