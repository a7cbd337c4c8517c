"""Files of ``torch.save`` followed by their SHA-256, replaced whole.

torch itself does not notice a bit that flipped in a tensor.
"""

from __future__ import annotations

import io
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch

from nepsbench.errors import CorruptedFileError
from nepsbench.files import replacing

_DIGEST_SIZE = sha256().digest_size


def write_sealed(path: Path, content: dict[str, Any]) -> None:
    """Write ``content`` durably: after a crash the file is the old one or the new one.

    Raises:
        StorageError: If the disk is full.
    """
    buffer = io.BytesIO()
    torch.save(content, buffer)
    payload = buffer.getbuffer()
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(payload)
        file.write(sha256(payload).digest())


def read_sealed(path: Path, *, damaged: str) -> dict[str, Any]:
    """Return what :func:`write_sealed` wrote.

    Args:
        path: The file.
        damaged: What is told of it, and what to do, if its checksum differs.

    Raises:
        FileNotFoundError: If there is no file.
        CorruptedFileError: If it is damaged.
    """
    content = path.read_bytes()
    payload, digest = content[:-_DIGEST_SIZE], content[-_DIGEST_SIZE:]
    if sha256(payload).digest() != digest:
        raise CorruptedFileError(f"{path}: {damaged}")
    saved: dict[str, Any] = torch.load(io.BytesIO(payload), weights_only=True)
    return saved
