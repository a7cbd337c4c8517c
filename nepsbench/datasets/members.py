"""The files of an archive, packed or unpacked, by their published paths."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from nepsbench.errors import DatasetError


def open_members(folder: Path, archive: str) -> Callable[[str], bytes]:
    """Return what reads a file by its path in ``archive``, a zip that may lie in ``folder``.

    Raises:
        DatasetError: If the zip is damaged; and the function that is returned, if a file is
            missing or damaged.
    """
    packed = folder / archive
    if not packed.is_file():
        return lambda name: _from_folder(folder, name, archive)
    try:
        members = zipfile.ZipFile(packed)
    except (zipfile.BadZipFile, OSError):
        raise DatasetError(f"{packed}: truncated or no zip file; get it again") from None
    names = set(members.namelist())

    def read(name: str) -> bytes:
        if name not in names:
            raise DatasetError(f"{packed}: holds no {name}; get the published file")
        try:
            return members.read(name)
        except (zipfile.BadZipFile, OSError, EOFError, zlib.error):
            raise DatasetError(f"{packed}: {name} is damaged; get it again") from None

    return read


def _from_folder(folder: Path, name: str, archive: str) -> bytes:
    path = folder / name
    try:
        return path.read_bytes()
    except OSError:
        raise DatasetError(f"{path}: no such file; put {archive}, or its content, there") from None
