"""From blocks of arrays to the warehouse's two tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from nepsbench.errors import InvalidResultError
from nepsbench.schema import METRICS_BY_NAME, Status
from nepsbench.spaces import Categorical, Space
from nepsbench.spaces.architecture import architecture_ids, has_architecture
from nepsbench.spaces.parameters import FloatArray
from nepsbench.warehouse.importers.block import Block, Ints
from nepsbench.warehouse.tables import epoch_schema, trial_schema


def trials_of(block: Block, *, profile: str, origin: str) -> pa.Table:
    """Return a block's rows of ``trials``, in the schema's columns, ``benchmark`` first.

    Raises:
        InvalidResultError: If it has a metric that the metric dictionary lacks.
    """
    rows = len(block)
    first, of_row = _distinct(block)
    ids = block.space.config_ids(block.codes[first])
    architectures = None
    if has_architecture(block.space):
        architectures = _picked(architecture_ids(block.space, block.codes[first]), of_row)
    trained = block.horizons if block.trained is None else block.trained
    columns: dict[str, Any] = {
        "benchmark": _constant(block.benchmark, rows),
        "profile": _constant(profile, rows),
        "taskid": block.numbers,
        "model_idx": block.repeats,
        "origin": _constant(origin, rows),
        "config_id": _picked(ids, of_row),
        "architecture_id": architectures,
        "seed": block.seeds,
        "status": block.statuses or _constant(Status.COMPLETE.value, rows),
        "reason": block.reasons,
        "epochs": trained,
        "target_epochs": block.horizons,
        "horizon": block.horizons,
        "space": _constant(block.space.name, rows),
        "space_version": np.full(rows, block.space.version),
        "dataset": _constant(block.dataset, rows),
        "recipe": _constant(block.recipe, rows),
        **_metrics(block.metrics, "trials"),
        **_parameters(block.space, block.codes[first], of_row),
    }
    schema = trial_schema(block.space).insert(0, pa.field("benchmark", pa.string()))
    return _table(columns, schema, rows)


def epochs_of(block: Block, *, profile: str) -> pa.Table:
    """Return a block's rows of ``epochs``; metrics that it lacks are left out.

    A value that is not finite is missing, as in all tables of the warehouse. Rows are ordered by
    epoch, so that a question about one epoch need not read the others.

    Raises:
        InvalidResultError: If it has a metric that the metric dictionary lacks.
    """
    rows = len(block.epochs)
    order = np.argsort(block.epochs, kind="stable")
    trial = block.trial_of_epoch[order]
    columns = {
        "benchmark": _constant(block.benchmark, rows),
        "profile": _constant(profile, rows),
        "taskid": block.numbers[trial],
        "model_idx": block.repeats[trial],
        "epoch": block.epochs[order],
        **{name: v[order] for name, v in _metrics(block.epoch_metrics, "epochs").items()},
    }
    schema = epoch_schema().insert(0, pa.field("benchmark", pa.string()))
    return _table(columns, pa.schema([f for f in schema if f.name in columns]), rows)


def _table(columns: dict[str, Any], schema: pa.Schema, rows: int) -> pa.Table:
    """Return the columns as the schema has them; text is coded, what is not there is null."""
    arrays, fields = [], []
    for column in schema:
        kind = column.type
        if pa.types.is_string(kind):
            kind = pa.dictionary(pa.int32(), pa.string())
        values = columns.get(column.name)
        if values is None:
            array = pa.nulls(rows, kind)
        elif isinstance(values, pa.Array):
            array = values
        else:
            array = pa.array(values, pa.string() if kind != column.type else kind, from_pandas=True)
            array = array.dictionary_encode() if kind != column.type else array
        arrays.append(array)
        fields.append(pa.field(column.name, array.type, nullable=column.nullable))
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def _distinct(block: Block) -> tuple[Ints, Ints]:
    """Return the first row of each configuration, and for each row which of these is its own.

    Raises:
        InvalidResultError: If two configurations have one number.
    """
    _, first, of_row = np.unique(block.numbers, return_index=True, return_inverse=True)
    rows = first[of_row]
    for column in block.codes.T:  # one by one, since all of them are much memory
        differs = np.flatnonzero(column[rows] != column)
        if differs.size:
            raise InvalidResultError(
                f"{block.benchmark}: number {block.numbers[differs[0]]} stands for two "
                "configurations"
            )
    return first, of_row


def _picked(values: list[str], of_row: Ints) -> pa.Array:
    """Return text by row, as codes into its distinct values."""
    indices = pa.array(of_row.astype(np.int32))
    return pa.DictionaryArray.from_arrays(indices, pa.array(values, pa.string())).cast(
        pa.dictionary(pa.int32(), pa.string())
    )


def _constant(text: str, rows: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, dtype=np.int32)), [text])


def _parameters(space: Space, codes: FloatArray, of_row: Ints) -> dict[str, Any]:
    """Return one column a parameter."""
    columns: dict[str, Any] = {}
    for place, parameter in enumerate(space.parameters):
        if not isinstance(parameter, Categorical):
            values = [parameter.decode(code) for code in codes[:, place].tolist()]
            columns[parameter.name] = np.array(values, dtype=np.float64)[of_row]
        elif isinstance(parameter.choices[0], str):
            chosen = codes[:, place].astype(np.int32)[of_row]
            columns[parameter.name] = pa.DictionaryArray.from_arrays(chosen, parameter.choices)
        else:
            choices = np.array(parameter.choices)
            columns[parameter.name] = choices[codes[:, place].astype(np.int64)][of_row]
    return columns


def _metrics(values: Mapping[str, FloatArray], table: str) -> dict[str, FloatArray]:
    """Return metrics by name, NaN wherever a value is not finite."""
    for name in values:
        known = METRICS_BY_NAME.get(name)
        if known is None or known.table != table:
            raise InvalidResultError(f"{name!r} is no metric of {table} in nepsbench.schema")
    return {name: np.where(np.isfinite(column), column, np.nan) for name, column in values.items()}
