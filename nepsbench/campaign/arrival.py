"""Results that come home from a job's folder, and whether they are what the job left there."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from nepsbench.cluster import Cluster
from nepsbench.errors import ClusterError
from nepsbench.files import sha256_of
from nepsbench.manifest import Manifest, read_manifest


@dataclass(frozen=True)
class Arrival:
    """What was fetched from a job's folder.

    Attributes:
        files: The local paths of the results, sorted.
        proven: Those that are what a manifest says. The others are of a run that goes on, or was
            ended from outside: what they hold is true, but may not be all.
        outcomes: How many parts of the work stand how, as the manifests of proven files say.
    """

    files: list[Path]
    proven: frozenset[Path]
    outcomes: Counter[str]


def fetch_results(cluster: Cluster, directory: str, pattern: str, into: Path) -> Arrival:
    """Fetch the results of a job that match ``pattern``, such as ``results/*.journal``.

    Raises:
        ClusterError: If a file is not what its manifest says.
        CorruptedFileError: If a manifest is damaged.
        StorageError: If the disk is full; files that were here before stay as they are.
    """
    # Manifests first: a worker writes its own when the file that it proves is whole.
    manifests = _fetch_manifests(cluster, directory, into)
    files = cluster.fetch(directory, pattern, into)
    differing = {path: _differing(m, into, files) for path, m in manifests.items()}
    if any(differing.values()):
        # A run that began between the two fetches deleted its manifests before anything grew.
        now = _fetch_manifests(cluster, directory, into)
        for path, names in differing.items():
            if names and now.get(path) == manifests[path]:
                raise _not_what_was_left(cluster, f"{directory}/{names[0]}", path.name)
    true = [manifest for path, manifest in manifests.items() if not differing[path]]
    proven = frozenset(into / name for manifest in true for name in manifest.checksums)
    outcomes: Counter[str] = Counter()
    for manifest in true:
        outcomes.update(manifest.outcomes)
    return Arrival(files, proven, outcomes)


def _fetch_manifests(cluster: Cluster, directory: str, into: Path) -> dict[Path, Manifest]:
    paths = cluster.fetch(directory, "results/*.sha256", into)
    return {path: read_manifest(path) for path in paths}


def _differing(manifest: Manifest, into: Path, files: list[Path]) -> list[str]:
    """Return the names in the manifest of which another file arrived, or none."""
    return [
        name
        for name, checksum in manifest.checksums.items()
        if into / name not in files or sha256_of(into / name) != checksum
    ]


def _not_what_was_left(cluster: Cluster, file: str, manifest: str) -> ClusterError:
    return ClusterError(
        f"{file} on cluster {cluster.file.name} is not what its job left there: {manifest} beside "
        "it tells another sha256; collect again, and if it stays so, put an undamaged copy there, "
        "or train its trials anew (docs/benchmark-maker.md, A damaged result)"
    )
