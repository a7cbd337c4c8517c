"""Files of configurations: JSON lines, CSV and Parquet."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nepsbench.client.batch import Order
from nepsbench.client.notations import configuration_of
from nepsbench.errors import NepsbenchError, SpecError
from nepsbench.spaces import Space

_SEED = "seed"
#: A column, or key, that holds a notation instead of one column for each parameter.
_WHOLE = "configuration"
_TABLES = {".csv": "read_csv", ".parquet": "read_parquet"}


def read_orders(path: Path, space: Space, *, seed: int) -> list[Order]:
    """Return what a file asks to train.

    A row has a column, or key, for each parameter, or ``configuration``; where it has ``seed``,
    that is the training seed. What else a table has is left out, so that a release's
    ``trials.parquet`` can be trained again.

    Args:
        path: Ends in ``.jsonl``, ``.csv`` or ``.parquet``.
        space: Where the configurations lie.
        seed: Where a row names none.

    Raises:
        SpecError: If the file is missing or of another kind, or a row is wrong; names the row.
    """
    orders = []
    for number, row in enumerate(_rows(path), start=1):
        try:
            own = row.get(_SEED)
            orders.append(Order(_configuration(row, space), seed if own is None else _seed(own)))
        except NepsbenchError as error:
            raise SpecError(f"{path}: row {number}: {error}") from None
    return orders


def _configuration(row: Mapping[str, Any], space: Space) -> Any:
    if _WHOLE in row:
        return configuration_of(space, row[_WHOLE])
    return space.validate({name: row[name] for name in space.names if name in row})


def _seed(value: Any) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < 0:
        raise SpecError(f"seed {value!r}: give a whole number from 0")
    return int(value)


def _rows(path: Path) -> Iterator[Mapping[str, Any]]:
    if not path.is_file():
        raise SpecError(f"{path}: no such file; give JSON lines, CSV or Parquet")
    if path.suffix in _TABLES:
        return _table_rows(path)
    if path.suffix == ".jsonl":
        return _json_rows(path)
    raise SpecError(f"{path}: ends in {path.suffix!r}; give .jsonl, .csv or .parquet")


def _table_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    import duckdb

    with duckdb.connect() as connection:
        try:
            found = connection.sql(
                f"FROM {_TABLES[path.suffix]}($path)", params={"path": str(path)}
            )
            columns, rows = found.columns, found.fetchall()
        except duckdb.Error as error:
            raise SpecError(f"{path}: {str(error).splitlines()[0]}") from None
    for row in rows:
        yield dict(zip(columns, row, strict=True))


def _json_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            try:
                row = json.loads(line)
            except ValueError:
                row = None
            if not isinstance(row, dict):
                raise SpecError(f"{path}: line {number} is no JSON object")
            yield row
