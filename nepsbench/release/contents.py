"""What a release's manifest says about its tables and its space."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from nepsbench.errors import NepsbenchError
from nepsbench.spaces import Categorical, Space
from nepsbench.tables import BenchmarkTables

if TYPE_CHECKING:
    import pyarrow as pa

#: Columns of ``trials`` that are counted by value. Hosts and jobs are left to the table itself.
_COUNTED = (
    "profile",
    "dataset_version",
    "recipe",
    "code_version",
    "python_version",
    "torch_version",
    "device",
)


def info_of(trials: pa.Table) -> dict[str, Any]:
    """Return the ``benchmark_info`` of a release: what its trials say of themselves.

    Raises:
        NepsbenchError: If there is no trial, or they are of several spaces, datasets or recipes.
    """
    info = {}
    for column in ("space", "dataset", "recipe"):
        labels = {str(label) for label in trials.column(column).to_pylist()}
        names = sorted({label.partition("/")[0] for label in labels})  # recipes: <name>/<version>
        if len(names) != 1:
            found = ", ".join(names) or "no trial"
            raise NepsbenchError(f"a benchmark has one {column}, the table holds: {found}")
        info[column] = names[0]
    return info


def describe_space(space: Space) -> dict[str, Any]:
    """Return name, version, fidelities and parameters of a space, as JSON can say it."""
    parameters = {
        p.name: {"choices": list(p.choices), "default": p.default}
        if isinstance(p, Categorical)
        else {"lower": p.lower, "upper": p.upper, "log": True, "default": p.default}
        for p in space.parameters
    }
    return {
        "name": space.name,
        "version": space.version,
        "fidelities": list(space.fidelities),
        "parameters": parameters,
    }


def contents_of(tables: BenchmarkTables) -> dict[str, Any]:
    """Return how much there is: trials, configurations, epochs, last epoch, trials by status."""
    epochs = tables.epochs.column("epoch").to_numpy()
    return {
        "trials": tables.trials.num_rows,
        "configurations": len(set(tables.trials.column("config_id").to_pylist())),
        "epochs": tables.epochs.num_rows,
        "max_epoch": int(epochs.max()) if len(epochs) else 0,
        "statuses": _counts(tables, "status"),
    }


def provenance_of(tables: BenchmarkTables) -> dict[str, Any]:
    """Return what made the trials: how many by each software and device, first start, last end."""
    counted = {column: _counts(tables, column) for column in _COUNTED}
    started = min(_times(tables, "started"), default=None)
    ended = max(_times(tables, "ended"), default=None)
    return {**counted, "started": started, "ended": ended}


def _counts(tables: BenchmarkTables, column: str) -> dict[str, int]:
    values = Counter(tables.trials.column(column).to_pylist())
    return {str(value): values[value] for value in sorted(values, key=str)}


def _times(tables: BenchmarkTables, column: str) -> list[str]:
    values = tables.trials.column(column).to_pylist()
    return [value.isoformat() for value in values if value is not None]
