"""Wildcards: rows of a table whose columns have the values asked for, by SQL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from nepsbench.errors import InvalidConfigurationError

if TYPE_CHECKING:
    import duckdb

    from nepsbench.client.benchmark import Benchmark
    from nepsbench.spaces import Scalar


def matching(bench: Benchmark, where: Mapping[str, Scalar | None]) -> duckdb.DuckDBPyRelation:
    """Return the rows of ``curves`` whose columns have these values; None matches everything.

    Raises:
        InvalidConfigurationError: If there is no such column, or no such choice.
    """
    columns = bench.sql("FROM curves").columns
    asked = {}
    for name, value in where.items():
        if name not in columns:
            raise InvalidConfigurationError(
                f"{bench.name} has no column {name!r} to select by; its parameters are "
                f"{', '.join(bench.space.names)}"
            )
        if value is None:
            continue
        if name in bench.space.names:
            parameter = bench.space.parameter(name)
            value = parameter.decode(parameter.encode(value))
        asked[name] = value
    conditions = " AND ".join(f'"{name}" = ?' for name in asked) or "true"
    return bench.sql(f"FROM curves WHERE {conditions}", parameters=list(asked.values()))
