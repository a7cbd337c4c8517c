"""NAS-Bench-101's hashes of all cells, and from a hash to the cell's number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nepsbench.errors import InvalidConfigurationError
from nepsbench.spaces.arrays import ArrayFiles

_BYTES = 16


@dataclass(frozen=True)
class HashIndex(ArrayFiles):
    """Hashes by cell, and their order.

    Attributes:
        digests: Hash of each cell by its number, uint8, shape (cells, 16).
        heads: First eight bytes of each hash, as big-endian numbers, ascending; uint64.
        numbers: The cell of each of them, int32.
    """

    digests: NDArray[np.uint8]
    heads: NDArray[np.uint64]
    numbers: NDArray[np.int32]

    @classmethod
    def of(cls, digests: NDArray[np.uint8]) -> HashIndex:
        """Return the index of these hashes, shape (cells, 16)."""
        heads = np.ascontiguousarray(digests).view(">u8")[:, 0].astype(np.uint64)
        order = np.argsort(heads, kind="stable").astype(np.int32)
        return cls(digests, heads[order], order)

    def hash_of(self, number: int) -> str:
        """Return the hash of a cell."""
        return bytes(self.digests[number]).hex()

    def find(self, text: str) -> int:
        """Return the number of the cell with this hash.

        Raises:
            InvalidConfigurationError: If ``text`` is no hash, or no cell has it.
        """
        digest = as_digest(text)
        place = int(np.searchsorted(self.heads, np.uint64(int.from_bytes(digest[:8], "big"))))
        while place < len(self.numbers):
            number = int(self.numbers[place])
            found = bytes(self.digests[number])
            if found == digest:
                return number
            if found[:8] != digest[:8]:
                break
            place += 1
        raise InvalidConfigurationError(f"no cell of NAS-Bench-101 has the hash {text}")


def as_digest(text: str) -> bytes:
    """Return the 16 bytes of a hash.

    Raises:
        InvalidConfigurationError: If ``text`` is not 32 hex digits.
    """
    try:
        digest = bytes.fromhex(text)
    except ValueError:
        digest = b""
    if len(digest) != _BYTES:
        raise InvalidConfigurationError(
            f"{text!r} is no hash of NAS-Bench-101; a hash is 32 hex digits"
        )
    return digest
