"""What an ingest would change: set operations over the new results and the stored ones.

Both sides are views in a scratch DuckDB connection: ``new_*`` and ``stored_*``, of one benchmark
and one profile.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import pyarrow as pa

from nepsbench.errors import ConflictError, InvalidResultError
from nepsbench.schema import EPOCH_METRICS, FINAL_STATUSES, TRIAL_COLUMNS, TRIAL_METRICS
from nepsbench.warehouse.commits import Commit, Table
from nepsbench.warehouse.views import literal, query_text, scan

_KEYS = {"trials": ("taskid", "model_idx"), "epochs": ("taskid", "model_idx", "epoch")}

#: What makes two rows of one key the same trial: they decide every bit that training gives.
_IDENTITY = ("config_id", "seed", "space", "space_version", "dataset")
#: The same, but known only once the trial has run.
_ONCE_KNOWN = ("dataset_version", "recipe", *(metric.name for metric in TRIAL_METRICS))
_EPOCH_FACTS = tuple(metric.name for metric in EPOCH_METRICS if metric.reproducible)


@dataclass(frozen=True)
class IngestReport:
    """What an ingest did.

    Attributes:
        trials_added: Trials that were not known before.
        trials_updated: Known trials that went on.
        trials_unchanged: Known trials about which the results say nothing new.
        epochs_added: New rows of ``epochs``.
        epochs_unchanged: Rows of ``epochs`` that were stored before.
        commit: Number of the commit that holds the results.
        epochs_renewed: Rows of ``epochs`` that took the place of stored ones.
    """

    trials_added: int
    trials_updated: int
    trials_unchanged: int
    epochs_added: int
    epochs_unchanged: int
    commit: int
    epochs_renewed: int = 0

    @property
    def changed(self) -> bool:
        """True if anything was new."""
        epochs = self.epochs_added or self.epochs_renewed
        return bool(self.trials_added or self.trials_updated or epochs)


def show_both_sides(
    connection: duckdb.DuckDBPyConnection,
    *,
    home: Path,
    commit: Commit,
    benchmark: str,
    profile: str,
    new: dict[Table, pa.Table],
) -> None:
    """Define ``new_*`` and ``stored_*`` for what is known of ``profile`` in ``benchmark``."""
    for table, rows in new.items():
        connection.register(f"new_{table}", rows)
        found = commit.select(benchmark=benchmark, table=table, profile=profile)
        if found:
            source = scan(home, [entry.path for entry in found])
            connection.execute(query_text("stored", name=table, source=source))
        else:
            connection.register(f"stored_{table}", rows.schema.empty_table())


def refuse_second_home(commit: Commit, *, benchmark: str, profile: str) -> None:
    """Refuse a profile whose trials are in another benchmark.

    Raises:
        ConflictError: If they are.
    """
    for entry in commit.select(profile=profile):
        if entry.benchmark != benchmark:
            raise ConflictError(
                f"{benchmark}: profile {profile} has its trials in benchmark {entry.benchmark}; "
                "a profile belongs to one benchmark; give the other one a name of its own"
            )


def refuse_imported(commit: Commit, profile: str) -> None:
    """Refuse to add to a profile that an import made.

    Raises:
        ConflictError: If one did.
    """
    for entry in commit.imports:
        if profile in entry.profiles:
            raise ConflictError(
                f"profile {profile} is of the import {entry.name}, which is whole as it is; give "
                "the new results a profile of their own"
            )


def refuse_broken(connection: duckdb.DuckDBPyConnection, *, benchmark: str, profile: str) -> None:
    """Refuse results that contradict themselves.

    Raises:
        InvalidResultError: If a key stands twice, or an epoch belongs to no trial.
    """
    for table, key in _KEYS.items():
        query = query_text("duplicates", table=table, key=", ".join(key))
        for row in connection.sql(query).fetchall():
            raise InvalidResultError(
                f"{benchmark}: the new {table} hold {_named(profile, key, row)} more than once"
            )
    for row in connection.sql(query_text("orphan_epochs")).fetchall():
        raise InvalidResultError(
            f"{benchmark}: epochs of {_named(profile, _KEYS['trials'], row)} belong to no trial"
        )


def refuse_conflicts(
    connection: duckdb.DuckDBPyConnection, *, benchmark: str, profile: str
) -> None:
    """Refuse results that contradict the stored ones.

    Raises:
        ConflictError: Names the first key, the column and both values.
    """
    both_known = tuple(f"new.{name} <> stored.{name}" for name in _ONCE_KNOWN)
    distinct = tuple(f"new.{name} IS DISTINCT FROM stored.{name}" for name in _IDENTITY)
    _refuse_conflict(
        connection, "trials", (*_IDENTITY, *_ONCE_KNOWN), (*distinct, *both_known),
        where=(benchmark, profile),
    )  # fmt: skip
    distinct = tuple(f"new.{name} IS DISTINCT FROM stored.{name}" for name in _EPOCH_FACTS)
    _refuse_conflict(connection, "epochs", _EPOCH_FACTS, distinct, where=(benchmark, profile))


def _refuse_conflict(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    names: Sequence[str],
    differences: Sequence[str],
    *,
    where: tuple[str, str],
) -> None:
    benchmark, profile = where
    key = _KEYS[table]
    columns = [*key]
    for name, difference in zip(names, differences, strict=True):
        columns += [f"coalesce({difference}, false)", f"stored.{name}", f"new.{name}"]
    query = query_text(
        "conflicts",
        table=table,
        key=", ".join(key),
        columns=", ".join(columns),
        difference=" OR ".join(differences),
    )
    for row in connection.sql(query).fetchall():
        values = row[len(key) :]
        triples = zip(values[::3], values[1::3], values[2::3], strict=True)
        name, stored, new = next(
            (name, stored, new)
            for name, (differs, stored, new) in zip(names, triples, strict=True)
            if differs
        )
        raise ConflictError(
            f"{benchmark}: {_named(profile, key, row)}: {name} is {stored!r} in the warehouse and "
            f"{new!r} in the new results; nothing was written; find out which one is wrong"
        )


def merge(
    connection: duckdb.DuckDBPyConnection,
    parameters: Sequence[str],
    renewed: Collection[tuple[int, int]] = (),
) -> None:
    """Make the tables ``merged_trials``, ``added_epochs`` and ``renewed_epochs``.

    Args:
        connection: Has both sides.
        parameters: Columns of the configuration.
        renewed: Keys of trials that were trained anew: what was measured last counts.
    """
    keys = {"taskid": [key[0] for key in renewed], "model_idx": [key[1] for key in renewed]}
    schema = pa.schema([("taskid", pa.int64()), ("model_idx", pa.int64())])
    connection.register("renewed", pa.table(keys, schema=schema))
    columns = ["coalesce(new.benchmark, stored.benchmark) AS benchmark"]
    columns += [_merged(column.name, column.nullable) for column in TRIAL_COLUMNS]
    columns += [_merged(f'"{name}"', False) for name in parameters]
    final = ", ".join(literal(status.value) for status in sorted(FINAL_STATUSES))
    connection.execute(query_text("merge_trials", columns=", ".join(columns), final=final))
    connection.execute(query_text("new_epochs"))
    measured = (m.name for m in EPOCH_METRICS)
    difference = " OR ".join(f"new.{name} IS DISTINCT FROM stored.{name}" for name in measured)
    connection.execute(query_text("renewed_epochs", difference=difference))


def report(connection: duckdb.DuckDBPyConnection, *, commit: Commit, epochs: int) -> IngestReport:
    """Return what a merge would do to ``commit``; ``epochs`` is how many rows there are new."""
    changes = dict(connection.sql(query_text("count_changes")).fetchall())
    [(added, renewed)] = connection.sql(query_text("count_epochs")).fetchall()
    count = {name: changes.get(name, 0) for name in ("added", "updated", "unchanged")}
    found = IngestReport(
        trials_added=count["added"],
        trials_updated=count["updated"],
        trials_unchanged=count["unchanged"],
        epochs_added=added,
        epochs_unchanged=epochs - added - renewed,
        commit=commit.number,
        epochs_renewed=renewed,
    )
    return replace(found, commit=commit.number + found.changed)


def _merged(name: str, nullable: bool) -> str:
    """Return the SQL of one column of ``merged_trials``."""
    if name in ("taskid", "model_idx"):
        value = f"coalesce(new.{name}, stored.{name})"
    elif name == "target_epochs":
        value = f"greatest(new.{name}, stored.{name})"
    elif name == "started":
        value = f"least(new.{name}, stored.{name})"
    elif name == "mlflow_run_id":
        value = f"coalesce(stored.{name}, new.{name})"
    else:
        later = f"coalesce(new.{name}, stored.{name})"
        if not nullable or name == "reason":
            later = f"new.{name}"
        value = f"CASE WHEN change IN ('added', 'updated') THEN {later} ELSE stored.{name} END"
    return f"{value} AS {name}"


def _named(profile: str, key: Sequence[str], row: Sequence[object]) -> str:
    parts = [f"profile {profile}", *(f"{name} {value}" for name, value in zip(key, row))]  # noqa: B905
    return ", ".join(parts)
