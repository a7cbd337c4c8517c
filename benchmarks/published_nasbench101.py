"""A file in the format of ``nasbench_full.tfrecord`` and of its size, with made-up values.

All 423,624 cells with their true matrices and hashes, four numbers of epochs, three repeats:
5,083,488 records. Accuracies are fractions of 9,984 images (39 batches of 256) and times of
training are 32-bit numbers; the total time is a difference of two clocks that count 2^-22 s.
"""

from __future__ import annotations

import os
import struct
import tempfile
from binascii import b2a_base64
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from nepsbench.files import replacing, sha256_of
from nepsbench.spaces.nasbench101_graph import graph_hash
from nepsbench.spaces.nasbench101_index import SIZE, build_index
from nepsbench.warehouse.importers.tfrecord import masked_crc

HORIZONS = (4, 12, 36, 108)
REPEATS = 3
_IMAGES = 9_984
_CELLS_AT_ONCE = 5_000
_DOUBLES = 5
_TICKS = 1 << 22


def kept(cells: int = SIZE) -> Path:
    """Return a file of this many cells; made once for this version of it, in minutes.

    It is kept in the user's folder for temporary files.
    """
    version = sha256_of(Path(__file__))[:12]
    name = f"nepsbench-published-nasbench101-{os.getuid()}-{version}-{cells}"
    path = Path(tempfile.gettempdir()) / name / "nasbench_full.tfrecord"
    if not path.exists():
        with replacing(path) as temporary:
            write(temporary, cells)
    return path


def write(path: Path, cells: int) -> None:
    """Write the records of ``cells`` cells, in an order that is not that of their numbers."""
    order = np.random.default_rng(101).permutation(SIZE)[:cells]
    with path.open("wb") as file:
        for start in range(0, cells, _CELLS_AT_ONCE):
            for record in _records(order[start : start + _CELLS_AT_ONCE], start):
                file.write(record)


def _records(numbers: np.ndarray, seed: int) -> Iterator[bytes]:
    messages = iter(_messages(len(numbers), np.random.default_rng(seed)))
    heads: dict[int, bytes] = {}
    for number in numbers.tolist():
        graph = build_index().graph(number)
        matrix = "".join(str(entry) for row in graph.matrix for entry in row)
        after = f'"{matrix}", "{",".join(graph.labels)}", "'.encode()
        before = f'["{graph_hash(graph)}", '.encode()
        for horizon in HORIZONS:
            for _ in range(REPEATS):
                text = b2a_base64(next(messages), newline=False)
                data = b'%b%d, %b%b"]' % (before, horizon, after, text)
                head = heads.get(len(data))
                if head is None:
                    length = struct.pack("<Q", len(data))
                    head = heads[len(data)] = length + struct.pack("<I", masked_crc(length))
                yield head + data + struct.pack("<I", masked_crc(data))


def _messages(cells: int, rng: np.random.Generator) -> list[bytes]:
    """Return the serialised metrics of every trial of some cells."""
    each = len(HORIZONS) * REPEATS
    trials = cells * each
    horizons = np.tile(np.repeat(HORIZONS, REPEATS), cells)
    evaluations = _evaluations(horizons, np.repeat(rng.beta(8, 2, cells), each), rng)
    seconds = horizons * np.repeat(rng.uniform(5, 50, cells), each) * rng.normal(1, 0.01, trials)
    evaluations[:, :, 1] = np.stack(
        [rng.uniform(0.5, 3, trials), seconds * rng.normal(0.5, 0.002, trials), seconds], axis=1
    ).astype(np.float32)
    ticks = np.rint(seconds * rng.uniform(1.05, 1.2, trials) * _TICKS)
    parameters = np.repeat(rng.integers(200_000, 50_000_000, cells), each)
    tagged = np.zeros((trials, 3, 2 + 9 * _DOUBLES), dtype=np.uint8)
    tagged[:, :, :2] = (1 << 3 | 2, 9 * _DOUBLES)
    for field in range(_DOUBLES):
        start = 2 + 9 * field
        tagged[:, :, start] = (field + 1) << 3 | 1
        column = np.ascontiguousarray(evaluations[:, :, field])
        tagged[:, :, start + 1 : start + 9] = column.view(np.uint8).reshape(trials, 3, 8)
    fronts, totals = tagged.reshape(trials, -1), ticks / _TICKS
    return [
        front.tobytes() + b"\x10" + _varint(count) + b"\x19" + struct.pack("<d", total)
        for front, count, total in zip(fronts, parameters.tolist(), totals.tolist(), strict=True)
    ]


def _evaluations(horizons: np.ndarray, quality: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return epochs and accuracies, shape (trials, 3, 5); times are left out."""
    trials = len(horizons)
    reached = np.clip(quality * (1 - 1 / (1 + horizons)) + rng.normal(0, 0.01, trials), 0.1, 0.96)
    # Before training most networks name one class for all images.
    start = np.where(rng.random(trials) < 0.6, 0.1, rng.normal(0.1, 0.01, trials))
    curve = np.stack([start, reached * 0.8, reached], axis=1)
    values = np.zeros((trials, 3, _DOUBLES))
    values[:, :, 0] = horizons[:, np.newaxis] * np.array([0, 0.5, 1])
    for split in range(3):
        noise = rng.normal(0, 0.003, curve.shape)
        above = curve * 1.1 if split == 0 else curve
        images = np.rint(np.clip(above + noise, 0, 1) * _IMAGES)
        values[:, :, 2 + split] = (images / _IMAGES).astype(np.float32)
    return values


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])
