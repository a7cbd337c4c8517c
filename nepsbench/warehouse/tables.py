"""The Arrow form of ``trials`` and ``epochs``, and the checks that every new row passes."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from nepsbench.errors import InvalidResultError
from nepsbench.schema import EPOCH_COLUMNS, TRIAL_COLUMNS, Column
from nepsbench.spaces import Categorical, Space

#: Timestamps are UTC and carry no zone, so that every client shows the same digits.
_TYPES = {
    "int64": pa.int64(),
    "float64": pa.float64(),
    "string": pa.string(),
    "timestamp": pa.timestamp("us"),
}

TRIAL_NAMES = tuple(column.name for column in TRIAL_COLUMNS)


def epoch_schema() -> pa.Schema:
    """Return the Arrow schema of ``epochs``."""
    return pa.schema([_field(column) for column in EPOCH_COLUMNS])


def trial_schema(space: Space | None = None) -> pa.Schema:
    """Return the Arrow schema of ``trials``, with the parameters of ``space`` behind."""
    parameters = [] if space is None else [_parameter_field(space, name) for name in space.names]
    return pa.schema([*(_field(column) for column in TRIAL_COLUMNS), *parameters])


def sound_trials(benchmark: str, trials: pa.Table) -> pa.Table:
    """Return ``trials`` in schema order and types, ``benchmark`` first, parameters behind.

    Raises:
        InvalidResultError: If a column is missing, or a value is none that a trial can have.
    """
    parameters = [field for field in trials.schema if field.name not in TRIAL_NAMES]
    return _sound("trials", benchmark, trials, pa.schema([*trial_schema(), *parameters]))


def sound_epochs(benchmark: str, epochs: pa.Table) -> pa.Table:
    """Return ``epochs`` in schema order and types, ``benchmark`` first.

    Raises:
        InvalidResultError: If a column is missing or unknown, or a value is none an epoch can have.
    """
    unknown = set(epochs.column_names) - set(epoch_schema().names)
    if unknown:
        raise InvalidResultError(
            f"{benchmark}: epochs has the unknown column {sorted(unknown)[0]!r}; "
            "results and this installation must be of one nepsbench version"
        )
    return _sound("epochs", benchmark, epochs, epoch_schema())


def _sound(name: str, benchmark: str, table: pa.Table, schema: pa.Schema) -> pa.Table:
    columns = []
    for field in schema:
        if field.name not in table.column_names:
            raise InvalidResultError(f"{benchmark}: {name} lacks the column {field.name!r}")
        column = _cast(f"{benchmark}: {name}.{field.name}", table[field.name], field)
        columns.append(column)
    label = pa.repeat(pa.scalar(benchmark), table.num_rows)
    fields = [pa.field("benchmark", pa.string(), nullable=False), *schema]
    return pa.table([label, *columns], schema=pa.schema(fields))


def _cast(label: str, column: pa.ChunkedArray, field: pa.Field) -> pa.ChunkedArray:
    try:
        column = column.cast(field.type)
    except pa.ArrowInvalid as error:
        raise InvalidResultError(f"{label}: {error}") from None
    if not field.nullable and column.null_count:
        raise InvalidResultError(f"{label}: {column.null_count} values are missing")
    if pa.types.is_floating(field.type):
        odd = pc.sum(pc.invert(pc.is_finite(column))).as_py()
        if odd:
            raise InvalidResultError(
                f"{label}: {odd} values are NaN or infinite; leave a missing value out (null) and "
                "give the trial a status and a reason"
            )
    return column


def _field(column: Column) -> pa.Field:
    return pa.field(column.name, _TYPES[column.type], nullable=column.nullable)


def _parameter_field(space: Space, name: str) -> pa.Field:
    parameter = space.parameter(name)
    if isinstance(parameter, Categorical):
        return pa.field(name, pa.array(parameter.choices).type)
    return pa.field(name, pa.float64())
