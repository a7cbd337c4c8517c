"""Releases: immutable, checksummed, versioned publications of a benchmark.

Importing this package loads nothing; what builds releases comes on first use, so that the light
client, which reads them, does without.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

_MODULES = {
    "Manifest": "manifest",
    "Request": "build",
    "build_release": "build",
    "build_release_from": "build",
    "info_of": "contents",
    "read_manifest": "manifest",
    "verify_once": "verification",
    "verify_release": "verification",
    "views_as_source": "source",
}


def __getattr__(name: str) -> Any:
    """Import a public name on its first use."""
    if name not in _MODULES:
        raise AttributeError(f"module 'nepsbench.release' has no attribute {name!r}")
    return getattr(import_module(f"nepsbench.release.{_MODULES[name]}"), name)
