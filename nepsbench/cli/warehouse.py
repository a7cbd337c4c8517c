"""``nepsbench warehouse``: The tables: ingest, check, rebuild, query."""

from __future__ import annotations

import typer

app = typer.Typer(help="The tables: ingest, check, rebuild, query.", no_args_is_help=True)


def sql(query: str) -> None:
    """Run SQL on the warehouse and print the rows."""
    typer.echo(query)
