"""Build a release from the two tables of a benchmark."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nepsbench.errors import ConflictError, NepsbenchError, SpecError
from nepsbench.files import storage_errors
from nepsbench.provenance import code_version
from nepsbench.release.cells import write_cells
from nepsbench.release.contents import contents_of, provenance_of
from nepsbench.release.layout import Trials, read_trials, write_lookup
from nepsbench.release.lookup import LOOKUP
from nepsbench.release.manifest import MANIFEST, Manifest
from nepsbench.release.parquet import write_tables
from nepsbench.release.source import (
    Configurations,
    Source,
    limit_memory,
    read_configurations,
    tables_as_source,
)
from nepsbench.release.text import query_text
from nepsbench.release.verification import file_record, files_below, verify_release
from nepsbench.release.versions import is_version, next_free, precedence
from nepsbench.schema import SCHEMA_VERSION
from nepsbench.spaces import Space, get_space
from nepsbench.spaces.declared import describe_space

if TYPE_CHECKING:
    import pyarrow as pa

    from nepsbench.surrogate import Card, FittedSurrogate


@dataclass(frozen=True)
class Request:
    """What is to be published.

    Attributes:
        name: The benchmark, ``<space>-<dataset>``.
        version: Like ``1.0.0``.
        benchmark_info: Must name the ``space`` and the ``dataset``; may tell more (``recipe``,
            a description). Anything that JSON can say; goes to the manifest as it is.
        target: The folder of all releases.
        surrogate: Fitted on these tables, or None.
        audit: Summary of the last audit of these tables, or None.
    """

    name: str
    version: str
    benchmark_info: Mapping[str, Any]
    target: Path
    surrogate: FittedSurrogate | None = None
    audit: Mapping[str, Any] | None = None


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
    space: Space | None = None,
) -> Path:
    """Publish two Arrow tables: :func:`build_release_from` for what memory holds.

    Args:
        name: See :class:`Request`, and ``version``, ``benchmark_info`` and ``target``.
        version: See there.
        benchmark_info: See there.
        trials: Table of ``schema.TRIAL_COLUMNS`` and one column a parameter.
        epochs: Table of ``schema.EPOCH_COLUMNS``.
        surrogate: Fitted on these tables, or None.
        card: Its scores on configurations not seen, or None.
        target: See there.
        space: The space, where it is none of nepsbench's own.

    Raises:
        SpecError: If name, version or ``benchmark_info`` cannot be used.
        ConflictError: If this version exists with another content.
        StorageError: If the disk is full.
        NepsbenchError: If the tables are not sound, or pyarrow is not installed.
    """
    if surrogate is not None:
        surrogate = replace(surrogate, card=card or surrogate.card)
    request = Request(name, version, benchmark_info, target, surrogate)
    _check_request(request)
    space = space or get_space(benchmark_info["space"])
    with tables_as_source(trials, epochs, space) as source:
        return build_release_from(source, request)


def build_release_from(source: Source, request: Request) -> Path:
    """Write the release ``<target>/<name>/<version>/`` and return its path.

    It appears whole or not at all, and never changes: building the same content again does
    nothing. Memory stays bounded: one column of the tables, and what DuckDB is allowed.

    Raises:
        SpecError: If the request cannot be met.
        ConflictError: If this version exists with another content.
        StorageError: If the disk is full.
        NepsbenchError: If the tables are not sound, or pyarrow is not installed.
    """
    _check_request(request)
    _require_pyarrow()
    source.check()
    final = request.target / request.name / request.version
    building = final.with_name(f".building-{request.version}-{os.getpid()}")
    spill = building.with_name(f"{building.name}-spill")
    try:
        with storage_errors(final):
            building.mkdir(parents=True)
            limit_memory(source.connection, str(spill))
            configurations, trials = _order(source)
            owners = write_tables(source, building)
            write_lookup(
                building / LOOKUP,
                tables=building,
                source=source,
                configurations=configurations,
                trials=trials,
                owners=owners,
            )
            if source.space.name == "nasbench101":
                write_cells(building / LOOKUP, configurations)
            if request.surrogate is not None:
                request.surrogate.save(building / "surrogate")
            manifest = _manifest(request, source, building, configurations, trials)
            (building / MANIFEST).write_text(manifest.to_json())
            _publish(building, final, manifest)
    finally:
        shutil.rmtree(building, ignore_errors=True)
        shutil.rmtree(spill, ignore_errors=True)
    return final


def _check_request(request: Request) -> None:
    precedence(request.version)
    name, info = request.name, request.benchmark_info
    if not name or name.startswith(".") or set(name) & set("/\\@"):
        raise SpecError(f"{name!r} is no release name; use letters, digits, - and _")
    for key in ("space", "dataset"):
        if key not in info:
            raise SpecError(f"release {name}: benchmark_info lacks {key!r}")


def _require_pyarrow() -> None:
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise NepsbenchError(
            "pyarrow is not installed; run: pip install 'nepsbench[train]'"
        ) from None


def _order(source: Source) -> tuple[Configurations, Trials]:
    """Bring configurations and trials into the release's order.

    Raises:
        NepsbenchError: If an epoch has no trial.
    """
    configurations = read_configurations(source)
    source.connection.execute(query_text("ranked"))
    trials = read_trials(source)
    orphans = source.count("epochs") - int(trials.recorded.sum())
    if orphans:
        raise NepsbenchError(
            f"{orphans} rows of epochs have no trial; run the warehouse's checks and ingest again"
        )
    return configurations, trials


def _manifest(
    request: Request,
    source: Source,
    building: Path,
    configurations: Configurations,
    trials: Trials,
) -> Manifest:
    surrogate = request.surrogate
    built: dict[str, Any] = {"created": _now(), "code_version": code_version()}
    if request.audit is not None:
        built["audit"] = dict(request.audit)
    return Manifest(
        name=request.name,
        version=request.version,
        schema_version=SCHEMA_VERSION,
        space=describe_space(source.space),
        benchmark=dict(request.benchmark_info),
        contents=contents_of(source, configurations, trials),
        metrics=source.metrics,
        provenance=provenance_of(source),
        surrogate=surrogate.card["metrics"] if surrogate and surrogate.card else None,
        files={path: file_record(building / path) for path in files_below(building)},
        built=built,
    )


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
