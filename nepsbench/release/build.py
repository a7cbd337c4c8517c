"""Build a release from the two tables of a benchmark."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nepsbench.errors import ConflictError, NepsbenchError, SpecError
from nepsbench.files import storage_errors
from nepsbench.provenance import code_version
from nepsbench.release.contents import contents_of, describe_space, provenance_of
from nepsbench.release.lookup import LOOKUP, arrange
from nepsbench.release.manifest import MANIFEST, Manifest
from nepsbench.release.verification import file_record, files_below, verify_release
from nepsbench.release.versions import is_version, next_free, precedence
from nepsbench.schema import METRICS, SCHEMA_VERSION, Metric
from nepsbench.spaces import Space, get_space
from nepsbench.tables import BenchmarkTables, match_tables

if TYPE_CHECKING:
    import pyarrow as pa

    from nepsbench.surrogate import Card, FittedSurrogate


def build_release(
    *,
    name: str,
    version: str,
    benchmark_info: Mapping[str, Any],
    trials: pa.Table,
    epochs: pa.Table,
    surrogate: FittedSurrogate | None,
    card: Card | None,
    target: Path,
) -> Path:
    """Write the release ``<target>/<name>/<version>/`` and return its path.

    It appears whole or not at all, and never changes: building the same content again does
    nothing.

    Args:
        name: The benchmark, ``<space>-<dataset>``.
        version: Like ``1.0.0``.
        benchmark_info: Must name the ``space`` and the ``dataset``; may tell more (``recipe``,
            a description). Anything that JSON can say; goes to the manifest as it is.
        trials: Table of ``schema.TRIAL_COLUMNS`` and one column a parameter.
        epochs: Table of ``schema.EPOCH_COLUMNS``.
        surrogate: Fitted on these tables, or None.
        card: Its scores on configurations not seen, or None.
        target: The folder of all releases.

    Raises:
        SpecError: If name, version or ``benchmark_info`` cannot be used.
        ConflictError: If this version exists with another content.
        StorageError: If the disk is full.
        NepsbenchError: If the tables are not sound, or pyarrow is not installed.
    """
    space = _check_request(name, version, benchmark_info)
    tables = match_tables(trials, epochs, space)
    final = target / name / version
    building = target / name / f".building-{version}-{os.getpid()}"
    if surrogate is not None:
        surrogate = replace(surrogate, card=card or surrogate.card)
    try:
        with storage_errors(final):
            building.mkdir(parents=True)
            metrics = _write_tables(building, tables, space)
            if surrogate is not None:
                surrogate.save(building / "surrogate")
            manifest = Manifest(
                name=name,
                version=version,
                schema_version=SCHEMA_VERSION,
                space=describe_space(space),
                benchmark=dict(benchmark_info),
                contents=contents_of(tables),
                metrics=metrics,
                provenance=provenance_of(tables),
                surrogate=surrogate.card["metrics"] if surrogate and surrogate.card else None,
                files={path: file_record(building / path) for path in files_below(building)},
                built={"created": _now(), "code_version": code_version()},
            )
            (building / MANIFEST).write_text(manifest.to_json())
            _publish(building, final, manifest)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return final


def _check_request(name: str, version: str, info: Mapping[str, Any]) -> Space:
    precedence(version)
    if not name or name.startswith(".") or set(name) & set("/\\@"):
        raise SpecError(f"{name!r} is no release name; use letters, digits, - and _")
    for key in ("space", "dataset"):
        if key not in info:
            raise SpecError(f"release {name}: benchmark_info lacks {key!r}")
    return get_space(info["space"])


def _write_tables(building: Path, tables: BenchmarkTables, space: Space) -> tuple[Metric, ...]:
    """Write tables and lookup; return the metrics that have values."""
    try:
        import pyarrow.parquet as pq
    except ImportError:
        raise NepsbenchError(
            "pyarrow is not installed; run: pip install 'nepsbench[train]'"
        ) from None
    pq.write_table(tables.trials, building / "trials.parquet", compression="zstd")
    pq.write_table(tables.epochs, building / "epochs.parquet", compression="zstd")
    metrics = tuple(metric for metric in METRICS if np.isfinite(tables.values(metric)).any())
    arrange(tables, space, metrics).save(building / LOOKUP)
    return metrics


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _publish(building: Path, final: Path, manifest: Manifest) -> None:
    """Rename the finished folder; a release that is there already must be the same."""
    if not final.exists():
        building.rename(final)
        return
    if verify_release(final).content() != manifest.content():
        taken = [path.name for path in final.parent.iterdir() if is_version(path.name)]
        raise ConflictError(
            f"{final}: this version is published with another content, and releases never change; "
            f"build it as {next_free(taken)}"
        )
