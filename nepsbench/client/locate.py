"""Find a release by name and version in a data home, or by its path."""

from __future__ import annotations

import os
from pathlib import Path

from nepsbench.errors import NepsbenchError
from nepsbench.home import data_home
from nepsbench.release.manifest import MANIFEST
from nepsbench.release.versions import is_version, newest, precedence


def list_releases(home: Path) -> dict[str, list[str]]:
    """Return the names of all releases in a data home, each with its versions, oldest first."""
    found: dict[str, list[str]] = {}
    for manifest in sorted((home / "releases").glob(f"*/*/{MANIFEST}")):
        name, version = manifest.parent.parent.name, manifest.parent.name
        if is_version(version):
            found.setdefault(name, []).append(version)
    return {name: sorted(versions, key=precedence) for name, versions in found.items()}


def find_release(
    name: str | Path, *, home: str | Path | None = None, version: str | None = None
) -> Path:
    """Return the folder of a release.

    Args:
        name: ``name``, ``name@version``, or the path of a release's folder (anything with a slash
            or a manifest in it).
        home: The data home to look in, see :func:`data_home`.
        version: Instead of ``@version``; the newest without either.

    Raises:
        NepsbenchError: If it is not there; tells what is.
    """
    path = Path(name)
    if isinstance(name, Path) or os.sep in name or (path / MANIFEST).is_file():
        return path
    name, _, tagged = name.partition("@")
    version = version or tagged or None
    root = data_home(home)
    releases = list_releases(root)
    if name not in releases:
        there = "; there are: " + ", ".join(releases) if releases else "; it holds no release yet"
        raise NepsbenchError(
            f"no release {name!r} in {root / 'releases'}{there}; "
            "give another name, a path, or set NEPSBENCH_HOME"
        )
    version = version or newest(releases[name])
    if version not in releases[name]:
        raise NepsbenchError(
            f"release {name} has no version {version!r}; there are: {', '.join(releases[name])}"
        )
    return root / "releases" / name / version
