"""What only a table of NAS-Bench-101 has: from matrices to numbers, and hashes."""

from __future__ import annotations

from pathlib import Path

from nepsbench.release.lookup import CELLS, HASHES
from nepsbench.release.source import Configurations
from nepsbench.spaces.nasbench101_hashes import HashIndex
from nepsbench.spaces.nasbench101_hashing import hash_cells
from nepsbench.spaces.nasbench101_index import build_index


def write_cells(directory: Path, configurations: Configurations) -> None:
    """Write the index of all cells, and the hashes of those in the table.

    A hash leads to the *place* of its cell in the table.
    """
    assert configurations.numbers is not None
    index = build_index()
    index.save(directory / CELLS)
    HashIndex.of(hash_cells(index, configurations.numbers)).save(directory / HASHES)
