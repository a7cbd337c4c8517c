"""Evaluations as Parquet: a row an evaluation, with what made it."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from nepsbench.errors import CorruptedFileError, StorageError
from nepsbench.files import replacing
from nepsbench.provenance import code_version, cpu_model
from nepsbench.search.running import Evaluation
from nepsbench.spaces import Space

#: Key of the provenance in a file's metadata.
PROVENANCE = b"nepsbench"
#: Libraries whose version an optimiser's suggestions may depend on.
_LIBRARIES = ("numpy", "optuna", "smac", "neural-pipeline-search", "syne-tune")


def evaluations_table(
    row: str,
    seed: int,
    evaluations: Sequence[Evaluation],
    *,
    space: Space,
    metrics: Sequence[str],
    final: Sequence[str],
) -> pa.Table:
    """Return the evaluations of a search as a table.

    Args:
        row: What the optimiser's row is called.
        seed: The search's.
        evaluations: In the order in which they ended.
        space: Of the configurations.
        metrics: Names of ``Evaluation.values``.
        final: Names of ``Evaluation.final``; their columns begin with ``final_``.
    """
    count = len(evaluations)
    codes = np.array([each.codes for each in evaluations]).reshape(count, -1)
    ids = space.config_ids(codes) if count else []
    texts = [json.dumps(space.decode(each.codes), separators=(",", ":")) for each in evaluations]
    plain = {name: pa.array([getattr(each, name) for each in evaluations], kind)
             for name, kind in _PLAIN.items()}  # fmt: skip
    columns: dict[str, pa.Array] = {
        "optimiser": pa.array([row] * count, pa.string()),
        "seed": pa.array([seed] * count, pa.int64()),
        "config_id": pa.array(ids, pa.string()),
        "configuration": pa.array(texts, pa.string()),
        **plain,
    }
    for place, name in enumerate(metrics):
        values = [each.values[place] if each.values else None for each in evaluations]
        columns[name] = pa.array(values, pa.float64())
    for place, name in enumerate(final):
        columns[f"final_{name}"] = pa.array([e.final[place] for e in evaluations], pa.float64())
    return pa.table(columns)


_PLAIN = {
    "number": pa.int64(),
    "suggestion": pa.int64(),
    "fidelity": pa.int64(),
    "start": pa.int64(),
    "status": pa.string(),
    "seconds": pa.float64(),
    "started": pa.float64(),
    "ended": pa.float64(),
    "worker": pa.int64(),
    "attempts": pa.int64(),
}


def provenance(study: Mapping[str, Any], bench: Any) -> dict[str, Any]:
    """Return what the rows of a study were made by, and of what."""
    return {
        "study": study,
        "benchmark": bench.name,
        "version": bench.version,
        "content": sha256(
            json.dumps(bench.manifest.content(), sort_keys=True).encode()
        ).hexdigest(),
        "code_version": code_version(),
        "python_version": platform.python_version(),
        "device": cpu_model(),
        "libraries": {name: found for name in _LIBRARIES if (found := _version(name))},
    }


def write_results(path: Path, table: pa.Table, made: Mapping[str, Any]) -> None:
    """Write a table with its provenance, whole or not at all."""
    marked = table.replace_schema_metadata({PROVENANCE: json.dumps(made)})
    with replacing(path) as temporary:
        pq.write_table(marked, temporary, compression="zstd")


def read_results(path: Path) -> tuple[pa.Table, dict[str, Any]]:
    """Return a table and its provenance.

    Raises:
        StorageError: If there is no such file.
        CorruptedFileError: If it is none of ours.
    """
    try:
        table = pq.read_table(path)
        made: dict[str, Any] = json.loads(table.schema.metadata[PROVENANCE])
    except FileNotFoundError:
        raise StorageError(f"{path}: there is no such file; run the study first") from None
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
        words = str(error).partition("\n")[0]
        raise CorruptedFileError(f"{path}: no results of a study: {words}; run it again") from None
    return table, made


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
