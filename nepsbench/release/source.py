"""Both tables of a benchmark, wherever they are, as DuckDB sees them: what a release is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from nepsbench.errors import ConflictError, CorruptedFileError, NepsbenchError
from nepsbench.release.text import query_text
from nepsbench.schema import EPOCH_METRICS, KEY, METRICS, TRIAL_COLUMNS, Metric
from nepsbench.spaces import FiniteSpace, Space
from nepsbench.spaces.columns import encode_column
from nepsbench.spaces.parameters import FloatArray

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

#: What DuckDB may hold in memory; more goes to the disk.
_MEMORY = "700MB"
#: Columns of ``trials`` that a release cannot be made without.
_NEEDED = (
    *(c.name for c in TRIAL_COLUMNS if not c.nullable),
    *("seed", "horizon"),
)


@dataclass(frozen=True)
class Source:
    """The views ``source_trials`` and ``source_epochs`` of a connection.

    Attributes:
        connection: Where they are; temporary tables are made in it.
        space: The space of the trials.
    """

    connection: duckdb.DuckDBPyConnection
    space: Space

    def sql(self, file: str, /, **values: str) -> duckdb.DuckDBPyRelation:
        """Return the rows of ``sql/<file>.sql``, its ``$placeholders`` filled in."""
        return self.connection.sql(query_text(file, **values))

    def check(self) -> None:
        """Refuse tables that no release can be made of.

        Raises:
            NepsbenchError: If a column is missing.
            ConflictError: If a trial stands twice.
        """
        _require(self.names("trials"), (*_NEEDED, *self.space.names), "trials")
        _require(self.names("epochs"), (*KEY, "epoch"), "epochs")
        for row in self.sql("trial_twice").fetchall():
            raise twice("trials", dict(zip(KEY, row, strict=True)))

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        """The metrics that have values, in the order of the metric dictionary."""
        known = {
            table: {name for name, (count, _) in self._filled(table).items() if count}
            for table in ("trials", "epochs")
        }
        return tuple(metric for metric in METRICS if metric.name in known[metric.table])

    def constants(self, table: str) -> dict[str, pa.Scalar]:
        """Return the columns that have one value in all rows, or none; with that value."""
        rows = self.count(table)
        return {
            name: value
            for name, (count, value) in self._filled(table).items()
            if count == 0 or (count == rows and value.is_valid)
        }

    def columns(self, table: str) -> list[str]:
        """Return the columns of a release's table: the schema's and, in trials, the parameters."""
        if table == "trials":
            return [*(c.name for c in TRIAL_COLUMNS), *self.space.names]
        filled = {metric.name for metric in self.metrics}
        return [*KEY, "epoch", *(m.name for m in EPOCH_METRICS if m.name in filled)]

    def count(self, table: str) -> int:
        """Return the number of rows of a table."""
        return int(self.connection.sql(f"SELECT count(*) FROM source_{table}").fetchall()[0][0])

    def names(self, table: str) -> set[str]:
        """Return the columns that a table has."""
        return set(self.connection.sql(f"FROM source_{table}").columns)

    def _filled(self, table: str) -> dict[str, tuple[int, pa.Scalar]]:
        """Return how many rows of each column have a value, and that value if it is the same."""
        wanted = (
            [*(c.name for c in TRIAL_COLUMNS), *self.space.names]
            if table == "trials"
            else [*KEY, *(metric.name for metric in EPOCH_METRICS)]
        )
        there = self.names(table)
        names = [name for name in wanted if name in there]
        parts = ", ".join(
            f'count("{n}"), CASE WHEN min("{n}") = max("{n}") THEN min("{n}") END' for n in names
        )
        row = self.connection.sql(f"SELECT {parts} FROM source_{table}").to_arrow_table()
        cells = [column[0] for column in row.columns]
        return {n: (cells[2 * k].as_py(), cells[2 * k + 1]) for k, n in enumerate(names)}


@dataclass(frozen=True)
class Configurations:
    """The configurations of a table, in the order of their numbers, or else of their keys.

    Attributes:
        codes: Encoded, shape (configurations, parameters).
        keys: The ``config_id`` of each as a number, uint64.
        numbers: Their numbers in a finite space; None in another one.
    """

    codes: FloatArray
    keys: np.ndarray[Any, np.dtype[np.uint64]]
    numbers: np.ndarray[Any, np.dtype[np.int64]] | None

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.keys)


@contextmanager
def tables_as_source(trials: pa.Table, epochs: pa.Table, space: Space) -> Iterator[Source]:
    """Show two Arrow tables as a source."""
    import duckdb

    with duckdb.connect() as connection:
        connection.register("source_trials", trials)
        connection.register("source_epochs", epochs)
        yield Source(connection, space)


def views_as_source(connection: duckdb.DuckDBPyConnection, space: Space) -> Source:
    """Show the views ``trials`` and ``epochs`` of one benchmark as a source."""
    for table in ("trials", "epochs"):
        connection.execute(f"CREATE TEMP VIEW source_{table} AS FROM {table}")
    return Source(connection, space)


def limit_memory(connection: duckdb.DuckDBPyConnection, spill: str) -> None:
    """Let DuckDB sort any table in bounded memory; ``spill`` is a folder for what is more."""
    connection.execute("SET temp_directory = $1", [spill])
    connection.execute("SET memory_limit = $1", [_MEMORY])


def read_configurations(source: Source) -> Configurations:
    """Return the configurations, and make the table ``places`` (config_id, place).

    Raises:
        CorruptedFileError: If a ``config_id`` is not that of its configuration.
        InvalidConfigurationError: If a value is missing or lies outside the space.
    """
    import pyarrow as pa

    space = source.space
    names = ", ".join(f'"{name}"' for name in space.names)
    found = source.sql("distinct_configurations", parameters=names).to_arrow_table()
    codes = np.column_stack([encode_column(p, found.column(p.name)) for p in space.parameters])
    ids = found.column("config_id").to_pylist()
    if space.config_ids(codes) != ids:
        raise CorruptedFileError(
            f"trials: a config_id is not that of its configuration in space {space.name} "
            f"version {space.version}; collect the results again"
        )
    keys = np.array([int(text, 16) for text in ids], dtype=np.uint64)
    numbers = space.indices_of(codes) if isinstance(space, FiniteSpace) else None
    order = np.argsort(keys if numbers is None else numbers, kind="stable")
    places = np.empty(len(order), dtype=np.int64)
    places[order] = np.arange(len(order))
    table = pa.table({"config_id": found.column("config_id"), "place": places})
    source.connection.register("given_places", table)
    source.connection.execute("CREATE TEMP TABLE places AS FROM given_places")
    source.connection.unregister("given_places")
    return Configurations(codes[order], keys[order], None if numbers is None else numbers[order])


def twice(table: str, key: Mapping[str, Any]) -> ConflictError:
    """Return the error of a row that stands twice."""
    where = ", ".join(f"{name}={value}" for name, value in key.items())
    return ConflictError(f"{table} holds {where} twice; run the warehouse's checks")


def _require(there: set[str], needed: tuple[str, ...], title: str) -> None:
    missing = [name for name in needed if name not in there]
    if missing:
        raise NepsbenchError(f"the table {title} lacks the columns {', '.join(missing)}")
