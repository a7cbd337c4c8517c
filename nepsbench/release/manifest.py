"""``manifest.json``: what a release is, what it holds, and the checksum of every file in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from pathlib import Path
from typing import Any

from nepsbench.errors import CorruptedFileError, NepsbenchError, VersionMismatchError
from nepsbench.schema import SCHEMA_VERSION, Metric

MANIFEST = "manifest.json"

#: Raised with every change of the release's files that an older client cannot read.
RELEASE_FORMAT = 2


@dataclass(frozen=True)
class FileRecord:
    """What a file must be: its SHA-256 in hex, and its size in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True)
class Manifest:
    """The content of ``manifest.json``.

    Attributes:
        name: The benchmark, ``<space>-<dataset>``.
        version: The release's version, like ``1.0.0``.
        schema_version: That of ``nepsbench.schema``.
        space: Its name, version, and each parameter's choices or bounds.
        benchmark: Dataset, recipe, and whatever else the builder was told.
        contents: Numbers of trials, configurations and epochs, last epoch, trials by status.
        metrics: The dictionary entry of every metric that has values.
        provenance: Trials by code version, device and so on; first start and last end.
        surrogate: The scores of the surrogate card by metric; None without a surrogate.
        files: Every other file, by its path in the release.
        built: When and by which code, and the last audit by then, if there was one
            (``nepsbench.audit``). Not compared when a version is built again.
        release_format: That of the files.
    """

    name: str
    version: str
    schema_version: int
    space: Mapping[str, Any]
    benchmark: Mapping[str, Any]
    contents: Mapping[str, Any]
    metrics: tuple[Metric, ...]
    provenance: Mapping[str, Any]
    surrogate: Mapping[str, Any] | None
    files: Mapping[str, FileRecord]
    built: Mapping[str, Any]
    release_format: int = RELEASE_FORMAT

    @property
    def audit(self) -> Mapping[str, Any] | None:
        """The last audit of the benchmark when this was built, or None."""
        return self.built.get("audit")

    def to_json(self) -> str:
        """Return the manifest as JSON with its own checksum, under ``sha256``, at the end."""
        body = asdict(self)
        return json.dumps({**body, "sha256": _digest(body)}, indent=1)

    def content(self) -> dict[str, Any]:
        """Return all that makes two builds of a version the same or not."""
        body: dict[str, Any] = json.loads(self.to_json())
        del body["built"], body["sha256"]
        return body


def read_manifest(release: Path) -> Manifest:
    """Read and check the manifest of a release folder; the other files are not looked at.

    Raises:
        NepsbenchError: If the folder is no release.
        CorruptedFileError: If the manifest is damaged.
        VersionMismatchError: If it is of a format or schema that this nepsbench does not know.
    """
    path = release / MANIFEST
    try:
        text = path.read_bytes()
    except OSError:
        raise NepsbenchError(
            f"{release}: no release (it has no readable {MANIFEST}); give the folder of a version"
        ) from None
    try:
        body = json.loads(text)
        stored = body.pop("sha256")
        versions = body["release_format"], body["schema_version"]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _damaged(path) from None
    known = RELEASE_FORMAT, SCHEMA_VERSION
    if versions != known:
        raise VersionMismatchError(
            f"{path}: release format {versions[0]}, schema version {versions[1]}; this nepsbench "
            f"reads format {known[0]}, schema {known[1]}; install the version that built it"
        )
    if stored != _digest(body) or set(body) != {field.name for field in fields(Manifest)}:
        raise _damaged(path)
    body["metrics"] = tuple(Metric(**metric) for metric in body["metrics"])
    body["files"] = {name: FileRecord(**record) for name, record in body["files"].items()}
    return Manifest(**body)


def _digest(body: Mapping[str, Any]) -> str:
    canonical = json.dumps(body, separators=(",", ":"), sort_keys=True)
    return sha256(canonical.encode()).hexdigest()


def _damaged(path: Path) -> CorruptedFileError:
    return CorruptedFileError(
        f"{path}: damaged (its own checksum differs); fetch the release again"
    )
