"""What only a table of NAS-Bench-101 has: from matrices to numbers, and hashes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nepsbench.release.lookup import CELLS, HASHES
from nepsbench.release.source import Configurations
from nepsbench.spaces.nasbench101_graph import graph_hash
from nepsbench.spaces.nasbench101_hashes import HashIndex
from nepsbench.spaces.nasbench101_index import build_index


def write_cells(directory: Path, configurations: Configurations) -> None:
    """Write the index of all cells, and the hashes of those in the table; 60 us for each of them.

    A hash leads to the *place* of its cell in the table.
    """
    assert configurations.numbers is not None
    index = build_index()
    index.save(directory / CELLS)
    digests = bytearray()
    for number in configurations.numbers.tolist():
        digests += bytes.fromhex(graph_hash(index.graph(number)))
    table = np.frombuffer(bytes(digests), dtype=np.uint8).reshape(len(configurations), -1)
    HashIndex.of(table).save(directory / HASHES)
