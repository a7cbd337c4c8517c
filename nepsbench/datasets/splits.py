"""Which images are for training, validation and test: stored once, the same for everybody.

``indices/<dataset>.npz`` holds index arrays into the dataset's pool of examples: ``valid``, and
``test`` where the publisher names no test examples; the rest is for training. They were made by
:func:`draw_split` (digits, fashion_mnist, colorectal_histology, uc_merced), from the publisher's
fifth batch (cifar10, as NASBench-PyTorch does), by scikit-learn's ``train_test_split`` (ecg, as
NAS-Bench-360 does), and from NAS-Bench-201's list (imagenet16_120, whose pool is the published
validation images). Where a rule is as short as "the last fifth", no indices are stored.
"""

from __future__ import annotations

from hashlib import sha256
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from nepsbench.datasets.examples import Examples

Indices = NDArray[np.int64]


def stored_split(name: str, size: int) -> dict[str, Indices]:
    """Return the sorted indices of each split into a pool of ``size`` images."""
    resource = resources.files("nepsbench.datasets") / "indices" / f"{name}.npz"
    with resources.as_file(resource) as path, np.load(path, allow_pickle=False) as file:
        held_out = {split: file[split].astype(np.int64) for split in file.files}
    return _with_rest(held_out, size)


def draw_split(labels: Indices, *, name: str, sizes: dict[str, int]) -> dict[str, Indices]:
    """Return a stratified split, the same on every machine; what ``sizes`` leaves is ``train``.

    Within a class, images are ordered by the SHA-256 of ``<name>/<index>``; the classes are then
    merged in proportion, so that every stretch of the merged order is stratified, and each split
    takes the next stretch.
    """
    order = np.array([sha256(f"{name}/{i}".encode()).digest() for i in range(len(labels))])
    position = np.empty(len(labels))
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        ranked = members[np.argsort(order[members], kind="stable")]
        position[ranked] = (np.arange(len(members)) + 0.5) / len(members)
    merged = np.lexsort((labels, position))
    held_out, start = {}, 0
    for split, size in sizes.items():
        held_out[split] = np.sort(merged[start : start + size])
        start += size
    return _with_rest(held_out, len(labels))


def drawn_numbers(label: str, count: int) -> NDArray[np.float64]:
    """Return numbers in 0..1 that look random, the same for a label on every machine."""
    words = [sha256(f"{label}/{i}".encode()).digest()[:8] for i in range(count)]
    return np.array([int.from_bytes(word, "little") >> 11 for word in words]) / 2.0**53


def apply_split(pool: Examples, indices: dict[str, Indices]) -> dict[str, Examples]:
    """Return the images of each split."""
    return {split: pool.take(chosen) for split, chosen in indices.items()}


def _with_rest(held_out: dict[str, Indices], size: int) -> dict[str, Indices]:
    rest = np.setdiff1d(np.arange(size), np.concatenate(list(held_out.values())))
    return {"train": rest, **held_out}
