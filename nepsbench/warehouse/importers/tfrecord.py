"""The framing of TFRecord files, read without TensorFlow.

A record is its length (8 bytes, little-endian), a CRC of these, the data, and a CRC of the data.
Both CRCs are CRC-32C, rotated and shifted, so that a CRC of data that holds CRCs is not odd.
Source: TensorFlow, ``tensorflow/core/lib/io/record_writer.h`` and ``hash/crc32c.h``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from google_crc32c import value as crc32c

from nepsbench.errors import CorruptedFileError

#: Length and its CRC.
_HEAD = struct.Struct("<QI")
#: Both, and the CRC of the data.
_AROUND = _HEAD.size + 4
_ROTATION = 15
_SHIFT = 0xA282EAD8
#: Bytes that are read at once; a longer record than this is refused.
PIECE = 1 << 24


@dataclass(frozen=True)
class Piece:
    """Whole records of a file, in bytes from its start."""

    path: Path
    start: int
    stop: int


def masked_crc(data: bytes) -> int:
    """Return a CRC as TFRecords store it."""
    crc = int(crc32c(data))
    return (((crc >> _ROTATION) | (crc << (32 - _ROTATION))) + _SHIFT) & 0xFFFFFFFF


def frame(data: bytes) -> bytes:
    """Return a record of ``data``."""
    length = struct.pack("<Q", len(data))
    return b"".join(
        (length, struct.pack("<I", masked_crc(length)), data, struct.pack("<I", masked_crc(data)))
    )


def pieces(path: Path, *, size: int = PIECE) -> Iterator[Piece]:
    """Cut a file between records; the CRCs of all lengths are checked.

    Args:
        path: The file.
        size: Bytes of a piece, at most.

    Raises:
        CorruptedFileError: If a length is not that of its CRC, or the last record is cut off.
    """
    start = 0
    with path.open("rb") as file:
        while content := file.read(size):
            stop = _end_of_records(content, path=path, start=start)
            if not stop:
                raise CorruptedFileError(_cut_off(path, start, content))
            yield Piece(path, start, start + stop)
            start += stop
            file.seek(start)


def _end_of_records(content: bytes, *, path: Path, start: int) -> int:
    """Return where the last whole record ends."""
    at, last = 0, len(content) - _AROUND
    lengths: dict[bytes, int] = {}  # records of equal length have equal heads
    while at <= last:
        head = content[at : at + _HEAD.size]
        if head not in lengths:
            lengths[head], crc = _HEAD.unpack(head)
            if crc != masked_crc(head[:8]):
                raise CorruptedFileError(
                    f"{path}: byte {start + at}: the CRC of a record's length is wrong; get the "
                    "file again"
                )
        length = lengths[head]
        if at + length > last:
            break
        at += _AROUND + length
    return at


def _cut_off(path: Path, start: int, content: bytes) -> str:
    if len(content) >= _AROUND and (length := _HEAD.unpack_from(content)[0]) > PIECE:
        return f"{path}: byte {start}: a record of {length} bytes is none of NAS-Bench-101"
    return f"{path}: byte {start}: the file ends within this record; get it again"


@dataclass(frozen=True)
class Records:
    """The data of some records, and where in the file each record begins."""

    path: Path
    data: Sequence[bytes]
    starts: Sequence[int]

    def error(self, row: int, words: str) -> CorruptedFileError:
        """Return the error of a record."""
        return CorruptedFileError(f"{self.path}: byte {self.starts[row]}: {words}")


def read_records(piece: Piece) -> Records:
    """Return the records of a piece.

    Raises:
        CorruptedFileError: If the CRC of a record's data is wrong.
    """
    with piece.path.open("rb") as file:
        file.seek(piece.start)
        content = file.read(piece.stop - piece.start)
    data, ends, at = [], [], 0
    while at < len(content):
        end = at + _HEAD.size + _HEAD.unpack_from(content, at)[0]
        data.append(content[at + _HEAD.size : end])
        ends.append(end)
        at = end + 4
    starts = [piece.start, *(piece.start + end + 4 for end in ends[:-1])]
    records = Records(piece.path, data, starts)
    wrong = np.flatnonzero(_stored(content, ends) != _masked(data))
    if wrong.size:
        raise records.error(int(wrong[0]), "the CRC of this record is wrong; get the file again")
    return records


def _stored(content: bytes, ends: Sequence[int]) -> np.ndarray:
    places = np.array(ends)[:, np.newaxis] + np.arange(4)
    return np.frombuffer(content, dtype=np.uint8)[places].view("<u4")[:, 0]


def _masked(data: Sequence[bytes]) -> np.ndarray:
    crc = np.fromiter(map(crc32c, data), dtype=np.uint32, count=len(data))
    rotated = (crc >> np.uint32(_ROTATION)) | (crc << np.uint32(32 - _ROTATION))
    return rotated + np.uint32(_SHIFT)
