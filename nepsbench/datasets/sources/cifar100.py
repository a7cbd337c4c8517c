"""``cifar100``: 60,000 colour photographs, 32x32, in a hundred classes.

Read from the published Python archive (pickles, of which nothing but arrays and plain values is
rebuilt). Source: Krizhevsky, Learning Multiple Layers of Features from Tiny Images (2009).
"""

from __future__ import annotations

import tarfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np

from nepsbench.datasets.about import About
from nepsbench.datasets.arrays import require_labels
from nepsbench.datasets.examples import Examples, Splits, check_images
from nepsbench.datasets.published import published_content
from nepsbench.datasets.task import Task
from nepsbench.errors import DatasetError
from nepsbench.plain_pickle import load_plain

FILE = "cifar-100-python.tar.gz"
ADDRESS = f"https://www.cs.toronto.edu/~kriz/{FILE}"
#: As their publisher gives it.
CHECKSUM = "md5:eb9058c3a382ffc7106e4002c42a8d85"
_TRAIN, _TEST = 50_000, 10_000
_CLASSES = 100
TASK = Task("cross_entropy", "acc", outputs=_CLASSES)

ABOUT = About(
    title="colour photographs of all kinds of things",
    shape=(3, 32, 32),
    task=TASK,
    sizes=(40_000, 10_000, _TEST),
    files=f"`{FILE}`",
    steps="normalised by channel",
    split="NAS-Bench-360's: the published test images; the last 10,000 of the others are valid",
    publication="Krizhevsky, Learning Multiple Layers of Features from Tiny Images (2009)",
    licence="not stated",
    trap="NAS-Bench-201 trains on all 50,000 and halves the test images into valid and test; "
    "NAS-Bench-360 normalises by rounded constants (0.5071, ...), the measured ones differ by less "
    "than 0.001",
    address=ADDRESS,
)


def read(source: Path | None) -> Splits:
    """Return the published test images, and the 50,000 split into 40,000 and 10,000.

    Raises:
        DatasetError: If the archive is missing, truncated, or not the published one.
    """
    pool, test, classes = read_archive(source)
    border = len(pool) * 4 // 5
    return Splits(
        train=pool.take(np.arange(border)),
        valid=pool.take(np.arange(border, len(pool))),
        test=test,
        task=replace(TASK, classes=classes),
    )


def read_archive(source: Path | None) -> tuple[Examples, Examples, tuple[str, ...]]:
    """Return training images, test images and the classes' names of the published archive.

    Raises:
        DatasetError: If the archive is missing, truncated, or not the published one.
    """
    content, origin = published_content(
        source, FILE, dataset="cifar100", checksum=CHECKSUM, address=ADDRESS
    )
    pool, test, classes = parse_archive(content, origin=origin)
    for images, size in ((pool, _TRAIN), (test, _TEST)):
        check_images(images, shape=(size, 3, 32, 32), classes=_CLASSES, origin=origin)
    return pool, test, classes


def parse_archive(content: bytes, *, origin: str) -> tuple[Examples, Examples, tuple[str, ...]]:
    """Return training images, test images and the classes' names of an archive of any size.

    Raises:
        DatasetError: If it is damaged, or lacks a part.
    """
    try:
        with tarfile.open(fileobj=BytesIO(content)) as archive:
            parts = {
                Path(member.name).name: file.read()
                for member in archive.getmembers()
                if (file := archive.extractfile(member)) is not None
            }
    except (tarfile.TarError, EOFError, OSError):
        raise DatasetError(f"{origin}: truncated or no tar archive; get it again") from None
    missing = {"train", "test", "meta"} - set(parts)
    if missing:
        raise DatasetError(f"{origin}: holds no {sorted(missing)[0]}; get the published archive")
    meta = load_plain(parts["meta"], origin=f"{origin}: meta", error=DatasetError)
    try:
        classes = tuple(str(name) for name in meta["fine_label_names"])
    except (KeyError, TypeError):
        raise DatasetError(f"{origin}: meta holds no names of classes; get it again") from None
    return (
        _images(parts["train"], f"{origin}: train"),
        _images(parts["test"], f"{origin}: test"),
        classes,
    )


def _images(content: bytes, origin: str) -> Examples:
    fields = load_plain(content, origin=origin, error=DatasetError, encoding="latin1")
    try:
        pixels, labels = np.asarray(fields["data"]), np.asarray(fields["fine_labels"])
    except (KeyError, TypeError):
        raise DatasetError(f"{origin} holds no data and fine_labels; get it again") from None
    if pixels.dtype != np.uint8 or pixels.shape != (len(labels), 3 * 32 * 32):
        raise DatasetError(f"{origin} holds no 32x32 colour images; get it again")
    numbers = require_labels(labels, _CLASSES, origin=origin)
    return Examples(pixels.reshape(-1, 3, 32, 32), numbers)
