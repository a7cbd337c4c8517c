"""``spherical_cifar100``: CIFAR-100 projected onto a sphere and turned, 60x60.

The published file is read, or the images are made from CIFAR-100 by ``nepsbench.datasets.sphere``;
the rotations of the published file are not known, so these are two versions of the dataset.
Source: Cohen et al., Spherical CNNs (ICLR 2018); its use: NAS-Bench-360.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from nepsbench.datasets.about import About
from nepsbench.datasets.arrays import read_pickle, require_labels, require_shape
from nepsbench.datasets.examples import Examples, Splits
from nepsbench.datasets.sources import cifar100
from nepsbench.datasets.sphere import BANDWIDTH, project
from nepsbench.errors import DatasetError

FILE = "s2_cifar100.gz"
_SIDE = 2 * BANDWIDTH

ABOUT = About(
    title="photographs on a sphere, turned at random",
    shape=(3, _SIDE, _SIDE),
    task=cifar100.TASK,
    sizes=cifar100.ABOUT.sizes,
    files=f"`{FILE}` (a dict of `train` and `test`, each of `images` and `labels`)",
    steps="none: pixels go to the network as 0 to 255",
    split="NAS-Bench-360's: the first 40,000 training images, and the last 10,000 as valid",
    publication="Cohen et al., ICLR 2018; Krizhevsky (2009)",
    licence="CC BY-SA (NAS-Bench-360); not stated (CIFAR-100)",
    trap="the published file's rotations are not known; made from CIFAR-100, it is another "
    "version. 500 images in a row share a rotation",
    address=cifar100.ADDRESS,
    also=f"`{cifar100.FILE}`, or no source: stereographic projection of CIFAR-100, a rotation for "
    "each 500 images drawn from a fixed name",
)


def read(source: Path | None) -> Splits:
    """Return the published images, or such as are made from CIFAR-100.

    Raises:
        DatasetError: If a file is truncated, or not of the published format.
    """
    if source is not None:
        folder = source if source.is_dir() else source.parent
        path = source if source.name == FILE else folder / FILE
        if path.is_file():
            return parse_file(path, sizes=(50_000, 10_000))
        if not any(folder.rglob(cifar100.FILE)):
            raise DatasetError(
                f"{source}: neither {FILE} nor {cifar100.FILE} there; get one of the two"
            )
    pool, test, classes = cifar100.read_archive(source)
    return _split(
        *(
            Examples(project(images.inputs, name=f"spherical_cifar100/{part}"), images.targets)
            for part, images in (("train", pool), ("test", test))
        ),
        classes=classes,
    )


def parse_file(path: Path, *, sizes: tuple[int | None, int | None]) -> Splits:
    """Return the splits of a file of the published format; None stands for any number.

    Raises:
        DatasetError: If it is truncated, or of another shape.
    """
    parts: Any = read_pickle(path)
    found = []
    for part, size in zip(("train", "test"), sizes, strict=True):
        try:
            images, labels = np.asarray(parts[part]["images"]), np.asarray(parts[part]["labels"])
        except (KeyError, TypeError):
            raise DatasetError(f"{path}: no images and labels of {part}; get it again") from None
        require_shape(images, (size, 3, _SIDE, _SIDE), origin=path, what=f"{part} images")
        require_shape(labels, (len(images),), origin=path, what=f"{part} labels")
        numbers = require_labels(labels, cifar100.TASK.outputs, origin=path)
        found.append(Examples(images.astype(np.uint8), numbers))
    return _split(*found)


def _split(pool: Examples, test: Examples, *, classes: tuple[str, ...] = ()) -> Splits:
    border = len(pool) * 4 // 5
    return Splits(
        train=pool.take(np.arange(border)),
        valid=pool.take(np.arange(border, len(pool))),
        test=test,
        task=replace(cifar100.TASK, classes=classes),
        kind="raw_pixels",
    )
