"""Files of ``torch.save``, read without torch: of tensors, only that they are there.

The old format is a row of pickles: a magic number, a protocol, the system, the object, the keys of
storages, then the storages. The new one (torch 1.6) is a zip with the object in ``data.pkl``.
Source: torch 1.4 and 2.4, ``torch/serialization.py``.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from nepsbench.errors import CorruptedFileError
from nepsbench.plain_pickle import PLAIN_NAMES, Maker, Names, Skipped
from nepsbench.warehouse.importers.pickle_content import Content
from nepsbench.warehouse.importers.pickle_stream import load_small

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_STORAGES = (
    "FloatStorage", "DoubleStorage", "HalfStorage", "LongStorage", "IntStorage", "ShortStorage",
    "CharStorage", "ByteStorage", "BoolStorage", "BFloat16Storage",
)  # fmt: skip


def _skipped(*_: object) -> Skipped:
    return Skipped()


#: Plain data, and tensors, which are left out.
NAMES: Names = {
    **PLAIN_NAMES,
    ("torch._utils", "_rebuild_tensor_v2"): Maker("torch tensor", _skipped),
    ("torch._utils", "_rebuild_tensor"): Maker("torch tensor", _skipped),
    ("torch._utils", "_rebuild_parameter"): Maker("torch parameter", _skipped),
    ("torch.storage", "_load_from_bytes"): Maker("torch storage", _skipped),
    **{("torch", name): Maker(f"torch.{name}", _skipped) for name in _STORAGES},
}


@contextmanager
def opened(path: Path) -> Iterator[tuple[Content, int]]:
    """Yield the content of the object's pickle, from where it begins, and the file's size.

    Raises:
        CorruptedFileError: If the file is of neither format, or its zip is damaged.
    """
    size = path.stat().st_size
    if not zipfile.is_zipfile(path):
        with path.open("rb", buffering=0) as file:
            content = Content(file)
            _check_old_head(content, path)
            yield content, size
            # The keys of storages; a file that ends before them is cut off.
            load_small(content, names=NAMES, origin=str(path))
        return
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith("/data.pkl")]
            if len(names) != 1:
                raise CorruptedFileError(f"{path}: a zip without data.pkl; get the published file")
            with archive.open(names[0]) as member:
                content = Content(cast("zipfile.ZipExtFile", member))
                yield content, archive.getinfo(names[0]).file_size
                content.drain()  # compares its CRC
    except (zipfile.BadZipFile, EOFError, OSError) as error:
        raise CorruptedFileError(f"{path}: a damaged zip: {error}; get it again") from None


def _check_old_head(content: Content, path: Path) -> None:
    """Read past magic number, protocol and system."""
    head = []
    for _ in range(3):
        try:
            head.append(load_small(content, names=NAMES, origin=str(path)))
        except CorruptedFileError:
            break
        if head[:2] not in ([_MAGIC], [_MAGIC, _PROTOCOL]):
            break
    if len(head) < 3:
        raise CorruptedFileError(
            f"{path}: no file of torch.save: byte {content.at}; get the published file"
        )
