"""Records of NAS-Bench-101 as arrays, some ten thousand at a time.

A record is JSON: ``[hash, epochs, "0/1 row by row", "op,op,...", base64 of ModelMetrics]``.
"""

from __future__ import annotations

import json
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import ascii_letters, digits
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nepsbench.errors import CorruptedFileError, InvalidConfigurationError
from nepsbench.spaces import nasbench101, nasbench101_graph
from nepsbench.spaces.nasbench101_index import LABEL_DIGITS, build_index
from nepsbench.warehouse.importers.model_metrics import MessageError, Metrics, read_messages
from nepsbench.warehouse.importers.tfrecord import Piece, Records, read_records

#: A training is evaluated before it, half way and after it.
EVALUATIONS = 3
#: What is kept of an evaluation, in this order.
VALUES = ("runtime", "train_acc", "valid_acc", "test_acc")

_HASH = 16
_MOST = nasbench101_graph.MAX_VERTICES
_BASE64 = (ascii_letters + digits + "+/=").encode()
_NAMES = ("hash", "epochs", "adjacency", "operations", "metrics")


@dataclass(frozen=True)
class Trainings:
    """Some trainings, in the order of the file.

    Attributes:
        numbers: The cell's number.
        horizons: Epochs of the training.
        parameters: Trainable parameters.
        total_time: Seconds of everything.
        values: Shape (trainings, evaluations, 4), the last axis as ``VALUES``, accuracies as
            published: from 0 to 1. 32-bit numbers where all of them are such.
    """

    numbers: NDArray[np.int32]
    horizons: NDArray[np.int32]
    parameters: NDArray[np.float64]
    total_time: NDArray[np.float64]
    values: NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Cells:
    """Some cells, each once.

    Attributes:
        numbers: The cell's number, ascending.
        hashes: The published hash, uint8, shape (cells, 16).
        starts: Where in the file a record of it begins.
    """

    numbers: NDArray[np.int32]
    hashes: NDArray[np.uint8]
    starts: NDArray[np.int64]


def read_piece(piece: Piece) -> tuple[Trainings, Cells]:
    """Return the trainings of a piece of the file, and their cells.

    Raises:
        CorruptedFileError: Names the first record that is not as published.
    """
    records = read_records(piece)
    rows = [_split(data) or _parsed(records, row) for row, data in enumerate(records.data)]
    hashes, epochs, adjacencies, operations, texts = zip(*rows, strict=True)
    numbers = _numbers(records, adjacencies, operations)
    horizons = _horizons(records, epochs)
    metrics = _metrics(records, texts)
    _check_epochs(records, horizons, metrics)
    trainings = Trainings(
        numbers=numbers,
        horizons=horizons,
        parameters=metrics.parameters,
        total_time=metrics.total_time,
        values=_narrow(metrics.evaluations[:, :, 1:]),
    )
    return trainings, _cells(records, numbers, _digests(records, hashes))


def wrong_hash(path: Path, start: int, number: int, digest: NDArray[np.uint8]) -> Exception:
    """Return the error of a record whose hash is not its cell's."""
    own = nasbench101_graph.graph_hash(build_index().graph(number))
    return CorruptedFileError(
        f"{path}: byte {start}: the hash {digest.tobytes().hex()} is not that of the record's "
        f"cell, {own}"
    )


def _cells(records: Records, numbers: NDArray[np.int32], hashes: NDArray[np.uint8]) -> Cells:
    """Return the cells of some records; all records of a cell have one hash."""
    cells, first, of_row = np.unique(numbers, return_index=True, return_inverse=True)
    differs = np.flatnonzero((hashes != hashes[first][of_row]).any(axis=1))
    # Which of a cell's hashes is wrong, only its own hash can tell.
    for row in (*first[of_row[differs]].tolist(), *differs.tolist()):
        own = nasbench101_graph.graph_hash(build_index().graph(int(numbers[row])))
        if hashes[row].tobytes().hex() != own:
            raise wrong_hash(records.path, records.starts[row], int(numbers[row]), hashes[row])
    return Cells(cells, hashes[first], np.array(records.starts, dtype=np.int64)[first])


def _split(data: bytes) -> tuple[bytes, ...] | None:
    """Return the entries of a record as its authors wrote it, None if it is written otherwise."""
    parts = data.split(b'"')
    if (
        len(parts) != 9
        or parts[0] != b"["
        or parts[4] != b", "
        or parts[6] != b", "
        or parts[8] != b"]"
        or b"\\" in data
    ):
        return None
    return parts[1], parts[2], parts[3], parts[5], parts[7]


def _parsed(records: Records, row: int) -> tuple[bytes, ...]:
    """Return the entries of any JSON that says the same."""
    try:
        entries = json.loads(records.data[row])
    except (ValueError, RecursionError):
        raise records.error(row, "this record is no JSON") from None
    kinds = (str, int, str, str, str)
    if not isinstance(entries, list) or len(entries) != len(kinds):
        raise records.error(row, f"this record is no list of {', '.join(_NAMES)}")
    for name, entry, kind in zip(_NAMES, entries, kinds, strict=True):
        if not isinstance(entry, kind) or isinstance(entry, bool):
            raise records.error(row, f"its {name} is {entry!r:.60}")
    entries[1] = f", {entries[1]}, "
    return tuple(entry.encode() for entry in entries)


def _horizons(records: Records, epochs: Sequence[bytes]) -> NDArray[np.int32]:
    known: dict[bytes, int] = {}
    for text in set(epochs):
        try:
            known[text] = int(text.strip(b" ,"))
        except ValueError:
            known[text] = 0
        if known[text] < 2 or known[text] % 2:
            raise records.error(
                epochs.index(text),
                f"{text.strip(b' ,').decode(errors='replace')} epochs are no training of "
                "NAS-Bench-101, which is evaluated half way",
            )
    return np.array([known[text] for text in epochs], dtype=np.int32)


def _digests(records: Records, hashes: Sequence[bytes]) -> NDArray[np.uint8]:
    try:
        joined = bytes.fromhex(b"".join(hashes).decode())
        if len(joined) == _HASH * len(hashes) and {*map(len, hashes)} == {2 * _HASH}:
            return np.frombuffer(joined, dtype=np.uint8).reshape(-1, _HASH)
    except ValueError:
        pass
    row = next(row for row, text in enumerate(hashes) if not _is_hash(text))
    raise records.error(row, f"{hashes[row].decode(errors='replace')!r:.60} is no hash")


def _is_hash(text: bytes) -> bool:
    return len(text) == 2 * _HASH and set(text) <= set(b"0123456789abcdefABCDEF")


def _numbers(
    records: Records, adjacencies: Sequence[bytes], operations: Sequence[bytes]
) -> NDArray[np.int32]:
    """Return the number of each cell."""
    numbers = np.full(len(adjacencies), -1, dtype=np.int32)
    digits_of = _digits_of_operations()
    told = np.array([digits_of.get(text, (0, -1)) for text in operations])
    vertices, labels = told.T
    entries = np.array([len(text) for text in adjacencies])
    for size in range(2, _MOST + 1):
        rows = np.flatnonzero((vertices == size) & (entries == size * size))
        joined = b"".join([adjacencies[row] for row in rows.tolist()])
        matrices = np.frombuffer(joined, dtype=np.uint8).reshape(-1, size, size) - ord("0")
        sound = (matrices <= 1).all(axis=(1, 2)) & ~_lower(matrices).any(axis=1)
        rows = rows[sound]
        numbers[rows] = build_index().find_many(_bits(matrices[sound]), labels[rows])
    for row in np.flatnonzero(numbers < 0).tolist():
        numbers[row] = _number(records, row, adjacencies[row], operations[row])
    return numbers


def _number(records: Records, row: int, adjacency: bytes, operations: bytes) -> int:
    """Return the number of a cell of any size, unless it is outside the space."""
    try:
        cell = nasbench101.from_record(adjacency.decode(), operations.decode())
    except (InvalidConfigurationError, UnicodeDecodeError) as error:
        raise records.error(row, f"no cell of NAS-Bench-101: {error}") from None
    return nasbench101.SPACE.index(cell)


@cache
def _digits_of_operations() -> dict[bytes, tuple[int, int]]:
    """Return vertices and digits by a record's operations."""
    return {
        ",".join(labels).encode(): (len(labels), digits) for labels, digits in LABEL_DIGITS.items()
    }


def _lower(matrices: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return matrices[(slice(None), *np.tril_indices(matrices.shape[1]))]


def _bits(matrices: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Return the bits of matrices of one size; the output takes the last place."""
    size = matrices.shape[1]
    bits = np.zeros(len(matrices), dtype=np.int32)
    for source, target in nasbench101_graph.all_edges(size):
        place = nasbench101_graph.bit(source, _MOST - 1 if target == size - 1 else target)
        bits |= matrices[:, source, target].astype(np.int32) << place
    return bits


def _metrics(records: Records, texts: Sequence[bytes]) -> Metrics:
    # The decoder passes over letters that are none of base64.
    if b"".join(texts).translate(None, _BASE64):
        row = next(row for row, text in enumerate(texts) if text.translate(None, _BASE64))
        raise records.error(row, "its metrics are no base64")
    try:
        messages = list(map(a2b_base64, texts))
    except Base64Error:
        row = next(row for row, text in enumerate(texts) if not _is_base64(text))
        raise records.error(row, "its metrics are no base64") from None
    try:
        return read_messages(messages, evaluations=EVALUATIONS)
    except MessageError as error:
        raise records.error(error.row, str(error)) from None


def _is_base64(text: bytes) -> bool:
    try:
        a2b_base64(text)
    except Base64Error:
        return False
    return True


def _check_epochs(records: Records, horizons: NDArray[np.int32], metrics: Metrics) -> None:
    """Refuse evaluations of other epochs than before, half way and after."""
    told = metrics.evaluations[:, :, 0]
    expected = horizons[:, np.newaxis] * np.array([0, 0.5, 1])
    wrong = (~np.isnan(told) & (told != expected)).any(axis=1)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise records.error(
            row,
            f"a training of {horizons[row]} epochs was evaluated at {told[row].tolist()}, "
            f"not at {expected[row].tolist()}",
        )


def _narrow(values: NDArray[np.float64]) -> NDArray[np.floating[Any]]:
    """Return the values in 32 bits each if that loses nothing."""
    with np.errstate(over="ignore"):
        narrow = values.astype(np.float32)
    return narrow if np.array_equal(narrow, values, equal_nan=True) else values
