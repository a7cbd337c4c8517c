"""From the journals that workers wrote to the tables that the warehouse takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from itertools import chain, islice
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from nepsbench.errors import ConflictError, InvalidResultError
from nepsbench.journal import read_journal
from nepsbench.schema import EPOCH_METRICS, METRICS_BY_NAME, TRAINED, TRIAL_COLUMNS
from nepsbench.spaces import get_space
from nepsbench.spaces.architecture import architecture_ids
from nepsbench.spaces.columns import encode_column
from nepsbench.warehouse.tables import epoch_schema, trial_schema
from nepsbench.warehouse.views import literal, query_text

_CHUNK = 20_000

#: Columns of a trial that its profile knows; the others come from the journals.
_DRAWN = ("profile", "taskid", "model_idx", "origin", "config_id", "architecture_id", "seed",
          "space", "space_version", "dataset")  # fmt: skip
_RECORDED = tuple(column for column in TRIAL_COLUMNS if column.name not in _DRAWN)
_FACTS = tuple(metric.name for metric in EPOCH_METRICS if metric.reproducible)


def tables_from_journals(
    profile_name: str,
    profile_table: pa.Table,
    journals: Iterable[Path],
    *,
    space: str,
    dataset: str,
) -> tuple[pa.Table, pa.Table]:
    """Return ``trials`` and ``epochs`` of a profile, as the journals tell them.

    Every trial of the profile has a row. One without records is ``pending``; one whose last
    epochs no trial record covers, because its worker was killed, is ``running``.

    Args:
        profile_name: The profile's name.
        profile_table: ``taskid``, ``model_idx``, ``seed`` and one column a parameter.
        journals: Workers' journals, earlier waves first.
        space: Name of the search space.
        dataset: Name of the dataset.

    Raises:
        CorruptedFileError: If a journal is damaged.
        ConflictError: If two records of one epoch give different reproducible metrics.
        InvalidResultError: If a record names an unknown metric, or a trial outside the profile.
    """
    with duckdb.connect() as connection:
        _load_records(connection, journals)
        connection.register("profile", _drawn(profile_name, profile_table, space, dataset))
        _refuse_disagreement(connection, profile_name)
        _refuse_strangers(connection, profile_name)
        label = literal(profile_name)
        epochs = connection.sql(query_text("last_epochs", profile=label)).to_arrow_table()
        connection.register("last_epochs", epochs)
        recorded = ", ".join(
            column.name for column in _RECORDED if column.name not in
            ("status", "epochs", "target_epochs")
        )  # fmt: skip
        trials = connection.sql(query_text("last_trials", recorded=recorded)).to_arrow_table()
    schema = trial_schema(get_space(space))
    return trials.select(schema.names).cast(schema), epochs.cast(epoch_schema())


def _load_records(connection: duckdb.DuckDBPyConnection, journals: Iterable[Path]) -> None:
    """Make the tables ``epoch_records`` and ``trial_records``; ``place`` is the order of lines."""
    head = [("place", pa.int64())]
    key = ("taskid", "model_idx")
    kinds = {
        "epoch": pa.schema([*head, *(f for f in epoch_schema() if f.name != "profile")]),
        "trial": pa.schema([*head, *(f for f in trial_schema()
                                     if f.name in key or f.name not in _DRAWN)]),
    }  # fmt: skip
    for kind, schema in kinds.items():
        connection.register("incoming", schema.empty_table())
        connection.execute(query_text("store", name=f"{kind}_records"))
    records = enumerate(chain.from_iterable(map(_labelled, journals)))
    while chunk := list(islice(records, _CHUNK)):
        for kind, schema in kinds.items():
            rows = [_row(place, *found) for place, found in chunk if found[1]["kind"] == kind]
            connection.register("incoming", pa.Table.from_pylist(rows, schema=schema))
            connection.execute(query_text("append", name=f"{kind}_records"))


def _labelled(path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    for record in read_journal(path, remedy="delete the local copy and collect again"):
        yield path, record


def _row(place: int, path: Path, record: dict[str, Any]) -> dict[str, Any]:
    """Return a journal record as a flat row."""
    row = {"place": place} | {name: value for name, value in record.items() if name != "metrics"}
    for name, value in record.get("metrics", {}).items():
        if name not in METRICS_BY_NAME:
            raise InvalidResultError(
                f"{path}: unknown metric {name!r}; worker and warehouse must be of one nepsbench "
                "version"
            )
        row[name] = value
    for name in ("started", "ended"):
        if row.get(name) is not None:
            row[name] = _utc(row[name])
    return row


def _utc(value: str | float) -> datetime:
    """Return a timestamp without zone, in UTC, from ISO 8601 text or seconds since 1970."""
    if isinstance(value, str):
        moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
        if moment.tzinfo is None:
            return moment
    else:
        moment = datetime.fromtimestamp(value, timezone.utc)
    return moment.astimezone(timezone.utc).replace(tzinfo=None)


def _drawn(profile: str, table: pa.Table, space_name: str, dataset: str) -> pa.Table:
    """Return the columns of ``trials`` that the profile knows."""
    space, rows = get_space(space_name), table.num_rows
    columns_of_codes = [encode_column(p, table[p.name]) for p in space.parameters]
    codes = np.column_stack(columns_of_codes) if rows else np.empty((0, len(space.names)))
    columns = {
        "profile": pa.repeat(profile, rows),
        "taskid": table["taskid"],
        "model_idx": table["model_idx"],
        "origin": pa.repeat(TRAINED, rows),
        "config_id": pa.array(space.config_ids(codes), pa.string()),
        "architecture_id": pa.array(architecture_ids(space, codes), pa.string()),
        "seed": table["seed"],
        "space": pa.repeat(space.name, rows),
        "space_version": pa.repeat(pa.scalar(space.version, pa.int64()), rows),
        "dataset": pa.repeat(dataset, rows),
    }
    return pa.table(columns | {name: table[name] for name in space.names})


def _refuse_disagreement(connection: duckdb.DuckDBPyConnection, profile: str) -> None:
    """Refuse an epoch that was trained twice with different results."""
    for name in _FACTS:
        query = query_text("disagreeing_epochs", metric=name)
        for taskid, model_idx, epoch, low, high in connection.sql(query).fetchall():
            raise ConflictError(
                f"profile {profile}, taskid {taskid}, model_idx {model_idx}, epoch {epoch}: {name} "
                f"is {low!r} in one journal record and {high!r} in another; training was not "
                "reproducible there; compare the nodes' software before you go on"
            )


def _refuse_strangers(connection: duckdb.DuckDBPyConnection, profile: str) -> None:
    """Refuse records of trials that the profile did not draw."""
    for taskid, model_idx in connection.sql(query_text("strange_records")).fetchall():
        raise InvalidResultError(
            f"the journals hold taskid {taskid}, model_idx {model_idx}, which profile {profile} "
            "did not draw; collect the journals of this campaign only"
        )
