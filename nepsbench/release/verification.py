"""Is a release what was published? Every file is hashed, once for each state of the folder."""

from __future__ import annotations

import contextlib
import os
from hashlib import sha256
from pathlib import Path

from nepsbench.errors import CorruptedFileError
from nepsbench.files import sha256_of
from nepsbench.release.manifest import MANIFEST, FileRecord, Manifest, read_manifest


def verify_release(path: Path) -> Manifest:
    """Hash every file of the release folder at ``path`` and return its manifest.

    Raises:
        NepsbenchError: If the folder is no release.
        CorruptedFileError: If a file is damaged, missing or does not belong; names it.
        VersionMismatchError: If the release is of a format or schema version not known here.
    """
    manifest = read_manifest(path)
    _check_listing(path, manifest)
    for name, record in manifest.files.items():
        if file_record(path / name) != record:
            raise CorruptedFileError(
                f"{path / name}: damaged (its SHA-256 is not the manifest's); "
                "fetch the release again"
            )
    return manifest


def verify_once(path: Path) -> Manifest:
    """Like :func:`verify_release`, but trust what was verified before and has not changed since.

    An empty file in the user's cache folder (``NEPSBENCH_CACHE``, default ``~/.cache/nepsbench``)
    remembers the manifest and the size and time of change of every file. The cache may be deleted
    at any time; where it cannot be written, every opening hashes every file.
    """
    manifest = read_manifest(path)
    _check_listing(path, manifest)
    stamp = cache_directory() / "verified" / _fingerprint(path, manifest)
    if not stamp.exists():
        verify_release(path)
        with contextlib.suppress(OSError):
            stamp.parent.mkdir(parents=True, exist_ok=True)
            stamp.touch()
    return manifest


def file_record(path: Path) -> FileRecord:
    """Return size and SHA-256 of a file."""
    return FileRecord(sha256_of(path), path.stat().st_size)


def files_below(directory: Path) -> list[str]:
    """Return the paths of all files below ``directory``, relative to it, sorted."""
    return sorted(
        (Path(folder) / name).relative_to(directory).as_posix()
        for folder, _, names in os.walk(directory)
        for name in names
    )


def cache_directory() -> Path:
    """Return the folder for what can be computed again."""
    if chosen := os.environ.get("NEPSBENCH_CACHE"):
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "nepsbench"


def _check_listing(path: Path, manifest: Manifest) -> None:
    """Compare names and sizes, which costs no reading."""
    present = set(files_below(path)) - {MANIFEST}
    for name in sorted(manifest.files.keys() - present):
        raise CorruptedFileError(f"{path / name}: missing; fetch the release again")
    for name in sorted(present - manifest.files.keys()):
        raise CorruptedFileError(
            f"{path / name}: not part of this release; move it elsewhere (releases never change)"
        )
    for name, record in manifest.files.items():
        if (size := (path / name).stat().st_size) != record.size:
            raise CorruptedFileError(
                f"{path / name}: damaged ({size} bytes, not {record.size}); fetch the release again"
            )


def _fingerprint(path: Path, manifest: Manifest) -> str:
    """Return a name for this folder in its present state."""
    digest = sha256(os.fsencode(path.resolve()) + (path / MANIFEST).read_bytes())
    for name in sorted(manifest.files):
        state = (path / name).stat()
        digest.update(f"\n{name} {state.st_size} {state.st_mtime_ns} {state.st_ino}".encode())
    return digest.hexdigest()
