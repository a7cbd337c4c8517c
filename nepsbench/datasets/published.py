"""The files that a publisher gave out: found in a source, downloaded, or wanted by name."""

from __future__ import annotations

import hashlib
from pathlib import Path

from nepsbench.datasets.download import download
from nepsbench.errors import DatasetError


def published_files(source: Path | None, names: tuple[str, ...], *, dataset: str) -> list[Path]:
    """Return the paths of ``names`` in a folder, or anywhere below it.

    Args:
        source: The folder, or one of the files, whose folder is taken.
        names: What the publisher calls them.
        dataset: For the errors.

    Raises:
        DatasetError: If there is no source, or a file is not there.
    """
    folder = source_folder(source, dataset=dataset, wanted=", ".join(names))
    return [_below(folder, name, dataset=dataset) for name in names]


def source_folder(source: Path | None, *, dataset: str, wanted: str) -> Path:
    """Return the folder of a source.

    Raises:
        DatasetError: If none was given.
    """
    if source is None:
        raise DatasetError(
            f"dataset {dataset} is not downloaded (no address with a known checksum); get its "
            f"published files and give the folder with {wanted} as source, or put it below "
            "NEPSBENCH_DATA"
        )
    return source if source.is_dir() else source.parent


def published_content(
    source: Path | None, name: str, *, dataset: str, checksum: str, address: str = ""
) -> tuple[bytes, str]:
    """Return the content of a published file that is proved by its checksum, and its origin.

    Args:
        source: The folder, or one of the files, whose folder is taken; None: downloaded.
        name: What the publisher calls it.
        dataset: For the errors.
        checksum: The algorithm and hex digits, as in ``md5:c32a...``.
        address: Where it is downloaded from; empty if it is not.

    Raises:
        DatasetError: If it is missing, cannot be downloaded, or is not the published one.
    """
    if source is None and address:
        origin, content = address, download(address)
    else:
        (path,) = published_files(source, (name,), dataset=dataset)
        origin, content = str(path), path.read_bytes()
    algorithm, digits = checksum.split(":")
    if hashlib.new(algorithm, content, usedforsecurity=False).hexdigest() != digits:
        raise DatasetError(
            f"{origin}: truncated, or not the published file (its checksum differs); get it again"
        )
    return content, origin


def _below(folder: Path, name: str, *, dataset: str) -> Path:
    direct = folder / name
    found = [direct] if direct.is_file() else sorted(folder.rglob(name))
    if not found:
        raise DatasetError(
            f"{direct}: no such file; put what was published of {dataset} into that folder"
        )
    return found[0]
