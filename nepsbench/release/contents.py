"""What a release's manifest says about its tables."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from nepsbench.errors import NepsbenchError
from nepsbench.release.layout import Trials
from nepsbench.release.source import Configurations, Source
from nepsbench.schema import TRAINED

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

#: Columns of ``trials`` that are counted by value. Hosts and jobs are left to the table itself.
_COUNTED = (
    "profile",
    "origin",
    "dataset_version",
    "recipe",
    "code_version",
    "python_version",
    "torch_version",
    "device",
)


def info_of(trials: pa.Table | duckdb.DuckDBPyRelation) -> dict[str, Any]:
    """Return the ``benchmark_info`` of a release: what its trials say of themselves.

    ``recipe`` is a list where trials are of several; ``origin`` is told where not all are our own.

    Raises:
        NepsbenchError: If there is no trial, or they are of several spaces or datasets.
    """
    found = {column: _distinct(trials, column) for column in ("space", "dataset")}
    for column, names in found.items():
        if len(names) != 1:
            there = ", ".join(names) or "no trial"
            raise NepsbenchError(f"a benchmark has one {column}, the table holds: {there}")
    info: dict[str, Any] = {column: names[0] for column, names in found.items()}
    # A recipe is <name>/<version>, or what its authors called it.
    recipes = sorted({name.partition("/")[0] for name in _distinct(trials, "recipe")})
    info["recipe"] = recipes[0] if len(recipes) == 1 else recipes
    origins = _distinct(trials, "origin")
    if origins != [TRAINED]:
        info["origin"] = origins
    return info


def _distinct(trials: Any, column: str) -> list[str]:
    """Return the distinct values of a column, without the missing one."""
    if hasattr(trials, "project"):
        values = [row[0] for row in trials.project(f'"{column}"').distinct().fetchall()]
    else:
        values = trials.column(column).unique().to_pylist()
    return sorted(str(value) for value in values if value is not None)


def contents_of(source: Source, configurations: Configurations, trials: Trials) -> dict[str, Any]:
    """Return how much there is: trials, configurations, epochs, last epoch, trials by status."""
    last = source.connection.sql("SELECT max(epoch) FROM source_epochs").fetchall()[0][0]
    return {
        "trials": len(trials.places),
        "configurations": len(configurations),
        "epochs": int(trials.recorded.sum()),
        "max_epoch": int(last or 0),
        "horizons": np.unique(trials.horizons).tolist(),
        "seeds": trials.seeds_word,
        "statuses": _counts(source, "status"),
    }


def provenance_of(source: Source) -> dict[str, Any]:
    """Return what made the trials: how many by each software and device, first start, last end."""
    counted = {column: _counts(source, column) for column in _COUNTED}
    times = "SELECT min(started)::TIMESTAMP, max(ended)::TIMESTAMP FROM source_trials"
    [(started, ended)] = source.connection.sql(times).fetchall()
    return {**counted, "started": _iso(started), "ended": _iso(ended)}


def _counts(source: Source, column: str) -> dict[str, int]:
    found = source.sql("counts", column=column).fetchall()
    counts = {str(value): count for value, count in found}
    return {value: counts[value] for value in sorted(counts)}


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()
