"""A protein as PDNET's files hold it, and as a network sees it: maps of pairs of residues."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nepsbench.datasets.arrays import parse_npy, require_shape
from nepsbench.errors import DatasetError
from nepsbench.plain_pickle import load_plain

#: What is known of a residue: its name in a file and how many numbers it has; each number fills two
#: maps, along columns and along rows. What is known of a pair fills one.
_OF_RESIDUES = (("ss", 3), ("pssm", 22), ("sa", 1), ("entropy", 1))
_OF_PAIRS = ("ccmpred", "freecon", "potential")
CHANNELS = 2 * sum(count for _, count in _OF_RESIDUES) + len(_OF_PAIRS)
#: Places around a protein that hold nothing.
PADDING = 5
#: The pair of residues x and y is the number ``PAIR_BASE * x + y``; the meter of MAE_8 knows it.
PAIR_BASE = 1024
_NEAREST, _FARTHEST = 1.0, 16.0

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Protein:
    """What is known of a protein, and its distances.

    Attributes:
        name: Its code.
        residues: float32, shape (27, length).
        pairs: float32, shape (3, length, length).
        distances: In Å, float32, shape (length, length).
    """

    name: str
    residues: FloatArray
    pairs: FloatArray
    distances: FloatArray

    @property
    def side(self) -> int:
        """Places in a row, padding included."""
        return int(self.residues.shape[1]) + 2 * PADDING

    def part(self, row: int, column: int, side: int) -> tuple[NDArray[np.float16], FloatArray]:
        """Return a square of the padded maps, filled up with padding: features, and targets.

        Returns:
            float16, shape (57, side, side), and float32, shape (2, side, side): the distance, and
            the pair's number (-1 in padding).
        """
        length = self.residues.shape[1]
        rows, columns = (np.arange(start, start + side) - PADDING for start in (row, column))
        here = [(at >= 0) & (at < length) for at in (rows, columns)]
        place = np.ix_(*(np.flatnonzero(inside) for inside in here))
        i, j = rows[here[0]], columns[here[1]]
        features = np.zeros((CHANNELS, side, side), np.float16)
        along = features[: -len(_OF_PAIRS)].reshape(-1, 2, side, side)
        along[:, 0][:, place[0], place[1]] = self.residues[:, None, j]
        along[:, 1][:, place[0], place[1]] = self.residues[:, i, None]
        features[-len(_OF_PAIRS) :][:, place[0], place[1]] = self.pairs[:, i[:, None], j]
        targets = np.full((2, side, side), -1, np.float32)
        targets[0] = _FARTHEST
        targets[0][place] = np.minimum(self.distances[i[:, None], j], _FARTHEST)
        targets[1][place] = PAIR_BASE * i[:, None] + j
        return features, targets


def read_protein(member: Callable[[str], bytes], folder: str, name: str) -> Protein:
    """Return a protein of ``<folder>/features/<name>.pkl`` and ``distance/<name>-cb.npy``.

    Raises:
        DatasetError: If a file is missing, truncated, or of another format.
    """
    origin = f"{folder}/features/{name}.pkl"
    known = load_plain(member(origin), origin=origin, error=DatasetError, encoding="latin1")
    try:
        length = len(known["seq"])
        found = {key: np.asarray(known[key], np.float32)
                 for key in (*(key for key, _ in _OF_RESIDUES), *_OF_PAIRS)}  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise DatasetError(f"{origin}: lacks {error}; get the published file") from None
    shapes = {"ss": (3, length), "pssm": (length, 22), "sa": (length,), "entropy": (length,)}
    for key, array in found.items():
        require_shape(array, shapes.get(key, (length, length)), origin=origin, what=key)
    residues = [found["ss"], found["pssm"].T, found["sa"][None], found["entropy"][None]]
    return Protein(
        name,
        np.concatenate(residues),
        np.stack([found[key] for key in _OF_PAIRS]),
        _distances(member, f"{folder}/distance/{name}-cb.npy", length),
    )


def _distances(member: Callable[[str], bytes], origin: str, length: int) -> FloatArray:
    """Return distances of at least 1 Å, the diagonal the mean of its neighbours."""
    held: NDArray[Any] = parse_npy(member(origin), origin=origin)
    if held.dtype != object or held.shape != (3,):
        raise DatasetError(
            f"{origin}: no triple of length, sequence and distances; get the published file"
        )
    distances = np.array(held[2], np.float32)
    require_shape(distances, (length, length), origin=origin, what="the map of distances")
    if not np.isfinite(distances).all():
        raise DatasetError(f"{origin}: a distance is not finite; get the published file")
    distances = np.maximum(distances, _NEAREST)
    inner = np.arange(1, length - 1)
    means = (distances[inner, inner - 1] + distances[inner, inner + 1]) / 2
    distances[inner, inner] = means
    distances[0, 0], distances[-1, -1] = distances[0, 1], distances[-1, -2]
    return distances
