"""What this machine has and lacks for nepsbench, with the remedy beside each."""

from __future__ import annotations

import os
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from importlib import metadata
from pathlib import Path

#: Below this, a wave's results may not fit. Bytes.
_FREE = 2 * 10**9
_OLDEST_PYTHON = (3, 10)
#: Of each extra, the package by which one sees that it is installed.
_EXTRAS = {
    "train": ("torch", "train configurations, run workers"),
    "surrogate": ("catboost", "fit surrogates"),
    "search": ("optuna", "search with other libraries"),
    "platform": ("apache-airflow", "run the DAGs"),
}
_PATIENCE = 5.0


class Verdict(str, Enum):
    """What an examination found."""

    OK = "ok"
    ABSENT = "absent"
    WRONG = "wrong"


@dataclass(frozen=True)
class Finding:
    """One line of the table.

    Attributes:
        name: What was looked at.
        verdict: ``absent``: not there, and not everybody needs it.
        detail: What was seen.
        remedy: What to do about it.
    """

    name: str
    verdict: Verdict
    detail: str
    remedy: str = ""


def examine(
    home: Path,
    *,
    environment: Mapping[str, str] = os.environ,
    version_of: Callable[[str], str | None] | None = None,
) -> list[Finding]:
    """Look at versions, extras, the data home, cluster files and MLflow; nothing is changed.

    Args:
        home: The data home.
        environment: Its variables.
        version_of: Tells the version of an installed package, None without.
    """
    version = version_of or _installed
    return [
        _python(),
        *_extras(version),
        *_data_home(home),
        *_clusters(version),
        _mlflow(environment.get("MLFLOW_TRACKING_URI")),
    ]


def _python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < _OLDEST_PYTHON:
        wanted = ".".join(map(str, _OLDEST_PYTHON))
        return Finding("python", Verdict.WRONG, found, f"use Python {wanted} or newer")
    return Finding("python", Verdict.OK, found)


def _extras(version_of: Callable[[str], str | None]) -> Iterator[Finding]:
    from nepsbench import __version__

    yield Finding("nepsbench", Verdict.OK, __version__)
    for extra, (package, purpose) in _EXTRAS.items():
        found = version_of(package)
        if found is None:
            remedy = f"to {purpose}: pip install 'nepsbench[{extra}]'"
            yield Finding(f"extra {extra}", Verdict.ABSENT, f"no {package}", remedy)
        else:
            yield Finding(f"extra {extra}", Verdict.OK, f"{package} {found}")


def _data_home(home: Path) -> Iterator[Finding]:
    there = next(place for place in (home, *home.parents) if place.exists())
    if not os.access(there, os.W_OK):
        remedy = "make it writable, or give another folder with --home or NEPSBENCH_HOME"
        yield Finding("data home", Verdict.WRONG, f"{home}: {there} is not writable", remedy)
    elif (home / "commits").is_dir():
        yield Finding("data home", Verdict.OK, str(home))
        yield from _schema(home)
    else:
        remedy = "made by the first campaign or import; if it is elsewhere, set NEPSBENCH_HOME"
        yield Finding("data home", Verdict.ABSENT, f"{home}: no warehouse yet", remedy)
    free = shutil.disk_usage(there).free
    said = f"{free / 1e9:.1f} GB free at {there}"
    if free < _FREE:
        remedy = "free some: a wave's results and checkpoints may not fit"
        yield Finding("disk", Verdict.WRONG, said, remedy)
    else:
        yield Finding("disk", Verdict.OK, said)


def _schema(home: Path) -> Iterator[Finding]:
    try:
        from nepsbench.warehouse import open_warehouse
        from nepsbench.warehouse.migrations import outdated
    except ModuleNotFoundError:  # who only reads releases lacks pyarrow
        return
    old = outdated(open_warehouse(home))
    if old:
        remedy = "make a backup, then run: nepsbench warehouse migrate"
        yield Finding("schema", Verdict.WRONG, f"{len(old)} profiles of an older one", remedy)
    else:
        yield Finding("schema", Verdict.OK, "every table is of the present one")


def _clusters(version_of: Callable[[str], str | None]) -> Iterator[Finding]:
    if version_of("pydantic") is None:
        return  # no cluster is used without an extra
    from nepsbench.cluster.definition import cluster_names, load_cluster
    from nepsbench.errors import NepsbenchError

    names = cluster_names()
    if not names:
        remedy = "set NEPSBENCH_CLUSTERS to the folder of cluster files; see docs/clusters.md"
        yield Finding("clusters", Verdict.ABSENT, "no cluster files", remedy)
    for name in names:
        try:
            file = load_cluster(name)
        except NepsbenchError as error:
            yield Finding(f"cluster {name}", Verdict.WRONG, str(error), "mend the file")
        else:
            remedy = f"what it has and lacks: nepsbench cluster check {name}"
            yield Finding(f"cluster {name}", Verdict.OK, f"kind {file.kind}", remedy)


def _mlflow(uri: str | None) -> Finding:
    if not uri:
        remedy = "set MLFLOW_TRACKING_URI to see trials in MLflow"
        return Finding("mlflow", Verdict.ABSENT, "not asked for", remedy)
    if not uri.startswith(("http://", "https://")):
        return Finding("mlflow", Verdict.OK, uri)
    try:
        with urllib.request.urlopen(f"{uri.rstrip('/')}/health", timeout=_PATIENCE):
            return Finding("mlflow", Verdict.OK, uri)
    except (urllib.error.URLError, OSError) as error:
        reason = str(getattr(error, "reason", error))
        return Finding("mlflow", Verdict.WRONG, f"{uri}: {reason}", "start it, or mend the address")


def _installed(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
