"""The Parquet files of a release: a benchmark's two tables in order, the same bytes each time.

Trials are ordered by horizon, configuration and seed; epochs by horizon, epoch and trial, so that a
question about one epoch reads that part of the file alone. DuckDB sorts what differs between rows,
in bounded memory; what is the same in all rows is added while they are written.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nepsbench.release.source import Source
from nepsbench.schema import EPOCH_COLUMNS, TRIAL_COLUMNS

if TYPE_CHECKING:
    import pyarrow as pa

#: Rows of a group: what DuckDB reads at once, and skips at once.
_GROUP = 122_880


def write_tables(source: Source, directory: Path) -> NDArray[np.int64]:
    """Write ``trials.parquet`` and ``epochs.parquet``.

    Returns:
        The trial, as a row of ``trials.parquet``, of each row of ``epochs.parquet``.
    """
    _write(source, "trials", directory / "trials.parquet")
    return _write(source, "epochs", directory / "epochs.parquet")


def _write(source: Source, table: str, path: Path) -> NDArray[np.int64]:
    """Write a table and return the trial of each row."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    constants = source.constants(table)
    columns = source.columns(table)
    types = _types(source, table)
    schema = pa.schema([pa.field(name, types[name]) for name in columns])
    there = source.names(table)
    # A table of constants alone still has rows.
    varying = [n for n in columns if n in there and n not in constants] or columns[:1]
    chosen = ", ".join(f'source_{table}."{name}"' for name in varying)
    reader = source.sql(f"ordered_{table}", columns=chosen).to_arrow_reader(_GROUP)
    owners = [np.zeros(0, dtype=np.int64)]
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in reader:
            arrays = [
                batch.column(varying.index(name)).cast(types[name])
                if name in varying
                else _repeated(constants.get(name), types[name], batch.num_rows)
                for name in columns
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema), row_group_size=_GROUP)
            # A copy: a view would keep the whole batch in memory.
            owners.append(batch.column(len(varying)).to_numpy().copy())
    return np.concatenate(owners)


def _repeated(value: pa.Scalar | None, kind: pa.DataType, rows: int) -> pa.Array:
    import pyarrow as pa

    if value is None or not value.is_valid:
        return pa.nulls(rows, kind)
    return pa.repeat(value.cast(kind), rows)


def _types(source: Source, table: str) -> dict[str, pa.DataType]:
    """Return the type of each column: the schema's, and a parameter's own."""
    import pyarrow as pa

    plain = {
        "int64": pa.int64(),
        "float64": pa.float64(),
        "string": pa.string(),
        "timestamp": pa.timestamp("us"),
    }
    listed = TRIAL_COLUMNS if table == "trials" else EPOCH_COLUMNS
    types = {column.name: plain[column.type] for column in listed}
    if table == "trials":
        empty = source.connection.sql("FROM source_trials LIMIT 0").to_arrow_table()
        for name in source.space.names:
            kind = empty.schema.field(name).type
            types[name] = kind.value_type if pa.types.is_dictionary(kind) else kind
    return types
