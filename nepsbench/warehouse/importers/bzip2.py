"""Files that are compressed with bzip2: read whole or in pieces, refused where they are damaged."""

from __future__ import annotations

import bz2
import io
from pathlib import Path

from nepsbench.errors import CorruptedFileError

_PIECE = 1 << 16


class Bzip2Reader(io.RawIOBase):
    """The content of a bzip2 file, piece by piece; ``at`` is the place in the file itself."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("rb")
        self._stream = bz2.BZ2Decompressor()
        self.at = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill a buffer; 0 is the end.

        Raises:
            CorruptedFileError: If the file is cut off or altered; names the place.
        """
        while True:
            if self._stream.eof:
                rest = self._stream.unused_data or self._file.read(_PIECE)
                if not rest:
                    return 0
                self._stream = bz2.BZ2Decompressor()
            elif self._stream.needs_input:
                rest = self._file.read(_PIECE)
                if not rest:
                    raise CorruptedFileError(
                        f"{self._path}: is cut off after byte {self.at}; get it again"
                    )
                self.at += len(rest)
            else:
                rest = b""
            try:
                content = self._stream.decompress(rest, len(buffer))
            except OSError:
                raise CorruptedFileError(
                    f"{self._path}: is no bzip2 file, or altered, before byte {self.at}; "
                    "get it again"
                ) from None
            if content:
                buffer[: len(content)] = content
                return len(content)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


def read_bzip2(path: Path) -> bytes:
    """Return the content of a small bzip2 file.

    Raises:
        CorruptedFileError: If the file is cut off or altered; names the place.
    """
    with Bzip2Reader(path) as file:
        return file.read()
