"""The DuckDB views: ``trials``, ``epochs``, ``curves``, ``metrics`` and ``streams``."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from string import Template

import duckdb
import pyarrow as pa

from nepsbench.files import sync
from nepsbench.schema import METRICS
from nepsbench.warehouse.commits import TABLES, Commit, StreamEntry
from nepsbench.warehouse.tables import epoch_schema, trial_schema

DATABASE = "nepsbench.duckdb"


def query_text(file: str, /, **values: str) -> str:
    """Return the text of ``sql/<file>.sql`` with its ``$placeholders`` filled in."""
    text = files("nepsbench.warehouse").joinpath("sql", f"{file}.sql").read_text()
    return Template(text).substitute(values)


def literal(text: str) -> str:
    """Return ``text`` as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def scan(home: Path, paths: list[str]) -> str:
    """Return SQL that reads Parquet files of the data home as one table."""
    listed = ", ".join(literal(re.sub(r"([*?\[])", r"[\1]", str(home / path))) for path in paths)
    return f"read_parquet([{listed}], union_by_name = true)"


def define_views(
    connection: duckdb.DuckDBPyConnection,
    *,
    home: Path,
    commit: Commit,
    benchmark: str | None = None,
) -> None:
    """Define all views and small tables of the warehouse's state ``commit``.

    Parameters of one name and different types, in two spaces, are shown as text where both are
    in view; with ``benchmark``, only that one is.
    """
    for table in TABLES:
        paths = [entry.path for entry in commit.select(benchmark=benchmark, table=table)]
        source = scan(home, paths) if paths else f"empty_{table}"
        _store(connection, f"empty_{table}", _empty(table))
        connection.execute(query_text("table_view", name=table, source=source))
    _store(connection, "metrics", _metric_table())
    _store(connection, "streams", _stream_table(commit))
    _store(
        connection, "warehouse_state", pa.table({"home": [str(home)], "commit": [commit.number]})
    )
    connection.execute(query_text("curves"))


@contextmanager
def database(home: Path, commit: Commit) -> Iterator[Callable[[], None]]:
    """Build the DuckDB file of ``commit`` aside; yields the call that puts it in place.

    The caller holds the writer lock.
    """
    temporary = home / f".{DATABASE}.{os.getpid()}"
    try:
        with duckdb.connect(str(temporary)) as connection:
            define_views(connection, home=home, commit=commit)
        sync(temporary)

        def publish() -> None:
            temporary.rename(home / DATABASE)
            sync(home)

        yield publish
    finally:
        temporary.unlink(missing_ok=True)


def is_current(home: Path, commit: Commit) -> bool:
    """Return True if the DuckDB file shows ``commit``, of a data home that was not moved."""
    try:
        with duckdb.connect(str(home / DATABASE), read_only=True) as connection:
            return connection.sql("FROM warehouse_state").fetchall() == [(str(home), commit.number)]
    except duckdb.Error:
        return False


def _store(connection: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> None:
    connection.register("incoming", table)
    connection.execute(query_text("store", name=name))
    connection.unregister("incoming")


def _empty(table: str) -> pa.Table:
    schema = trial_schema() if table == "trials" else epoch_schema()
    return pa.schema([pa.field("benchmark", pa.string()), *schema]).empty_table()


def _metric_table() -> pa.Table:
    return pa.table(
        {
            "name": [metric.name for metric in METRICS],
            "table_name": [metric.table for metric in METRICS],
            "unit": [metric.unit for metric in METRICS],
            "direction": pa.array([metric.direction for metric in METRICS], pa.string()),
            "split": pa.array([metric.split for metric in METRICS], pa.string()),
            "reproducible": [metric.reproducible for metric in METRICS],
            "description": [metric.description for metric in METRICS],
        }
    )


def _stream_table(commit: Commit) -> pa.Table:
    whole = ("taskid", "first_word", "end_word")
    schema = pa.schema(
        [(name, pa.int64() if name in whole else pa.string()) for name in StreamEntry.model_fields]
    )
    return pa.Table.from_pylist([entry.model_dump() for entry in commit.streams], schema=schema)
