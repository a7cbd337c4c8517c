"""Releases: immutable, checksummed, versioned publications of a benchmark.

Read by the light client: importing this package loads numpy and nothing heavier.
"""

from __future__ import annotations

from nepsbench.release.build import Request, build_release, build_release_from
from nepsbench.release.contents import info_of
from nepsbench.release.manifest import Manifest, read_manifest
from nepsbench.release.source import views_as_source
from nepsbench.release.verification import verify_once, verify_release

__all__ = [
    "Manifest",
    "Request",
    "build_release",
    "build_release_from",
    "info_of",
    "read_manifest",
    "verify_once",
    "verify_release",
    "views_as_source",
]
