"""``cifar10``: 60,000 colour photographs, 32x32, in ten classes.

Read from the published binary archive, the published Python archive (pickles, of which nothing but
arrays and plain values is rebuilt), or zips of JPEG files ``train/<class>/*.jpg`` and
``test/<class>/*.jpg``. The zips are other pixels in another order, so they are another version of
the dataset and get a split of their own.
Source: Krizhevsky, Learning Multiple Layers of Features from Tiny Examples (2009).
"""

from __future__ import annotations

import tarfile
import zipfile
from hashlib import md5
from io import BytesIO
from pathlib import Path

import numpy as np

from nepsbench.datasets.about import About
from nepsbench.datasets.download import download
from nepsbench.datasets.examples import Examples, Splits, check_images
from nepsbench.datasets.image_folder import read_image_zip
from nepsbench.datasets.splits import apply_split, draw_split, stored_split
from nepsbench.datasets.task import classification
from nepsbench.errors import DatasetError
from nepsbench.plain_pickle import load_plain

ADDRESS = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
#: MD5 of the published archives, as their publisher gives them.
ARCHIVES = {
    "cifar-10-binary.tar.gz": "c32a1d4ab5d03f1284b67883e8d87530",
    "cifar-10-python.tar.gz": "c58f30108f718f92721af3b95e74349a",
}
CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
_TRAIN_SIZE, _TEST_SIZE = 50_000, 10_000
_PIXELS = 3 * 32 * 32
TASK = classification(CLASSES)

ABOUT = About(
    title="colour photographs of animals and vehicles",
    shape=(3, 32, 32),
    task=TASK,
    sizes=(40_000, 10_000, 10_000),
    files=" or ".join(f"`{name}`" for name in ARCHIVES),
    steps="normalised by channel",
    split="the published test images; the fifth training batch is valid, as in NASBench-PyTorch",
    publication="Krizhevsky, Learning Multiple Layers of Features from Tiny Images (2009)",
    licence="not stated",
    trap="NAS-Bench-201 and NAS-HPO-Bench-II train on 25,000 of the images and validate on 25,000",
    address=ADDRESS,
    also="zips of `train/<class>/*.jpg` and `test/<class>/*.jpg`: other pixels, another version",
)


def read(source: Path | None) -> Splits:
    """Return the published 10,000 test images, and the 50,000 split into 40,000 and 10,000.

    Args:
        source: An archive or zip, or a folder with one archive or several zips. None: the binary
            archive is downloaded.

    Raises:
        DatasetError: If nothing of the kind is there, or it is not the published one.
    """
    if source is None:
        return _read_archive(download(ADDRESS), name=Path(ADDRESS).name, origin=ADDRESS)
    files = [source] if source.is_file() else sorted(source.iterdir())
    for path in files:
        if path.name in ARCHIVES:
            return _read_archive(path.read_bytes(), name=path.name, origin=str(path))
    zips = [path for path in files if path.suffix == ".zip"]
    if zips:
        return _read_zips(zips)
    raise DatasetError(
        f"{source}: no CIFAR-10; give a folder with {' or '.join(ARCHIVES)}, or with zips of "
        "train/<class>/*.jpg and test/<class>/*.jpg, or one of these files"
    )


def _read_archive(content: bytes, *, name: str, origin: str) -> Splits:
    if md5(content, usedforsecurity=False).hexdigest() != ARCHIVES[name]:
        raise DatasetError(f"{origin}: not the published file (its checksum differs); get it again")
    pool, test = parse_archive(content, origin=origin)
    check_images(pool, shape=(_TRAIN_SIZE, 3, 32, 32), classes=len(CLASSES), origin=origin)
    check_images(test, shape=(_TEST_SIZE, 3, 32, 32), classes=len(CLASSES), origin=origin)
    split = apply_split(pool, stored_split("cifar10", len(pool)))
    return Splits.of({**split, "test": test}, TASK)


def parse_archive(content: bytes, *, origin: str) -> tuple[Examples, Examples]:
    """Return training and test images of a binary or Python archive of any size.

    Raises:
        DatasetError: If it is damaged, or lacks a batch.
    """
    try:
        with tarfile.open(fileobj=BytesIO(content)) as archive:
            members = {Path(m.name).name: m for m in archive.getmembers() if m.isfile()}
            batches = {
                name: _batch(name, file.read(), origin=origin)
                for name, member in members.items()
                if (name.startswith(("data_batch_", "test_batch")))
                and (file := archive.extractfile(member)) is not None
            }
    except (tarfile.TarError, EOFError, OSError):
        raise DatasetError(f"{origin}: truncated or no tar archive; get it again") from None
    train = [batches[name] for name in sorted(batches) if name.startswith("data_batch_")]
    test = [batches[name] for name in batches if name.startswith("test_batch")]
    if len(train) != 5 or len(test) != 1:
        raise DatasetError(
            f"{origin}: {len(train)} training and {len(test)} test batches, expected 5 and 1; "
            "get the published archive"
        )
    pool = Examples(
        np.concatenate([batch.inputs for batch in train]),
        np.concatenate([batch.targets for batch in train]),
    )
    return pool, test[0]


def _batch(name: str, content: bytes, *, origin: str) -> Examples:
    """Return one batch: rows of label and pixels, or a pickled dict of both."""
    if name.endswith(".bin"):
        if len(content) % (1 + _PIXELS):
            raise DatasetError(f"{origin}: {name} is truncated; get the archive again")
        rows = np.frombuffer(content, dtype=np.uint8).reshape(-1, 1 + _PIXELS)
        labels, pixels = rows[:, 0], rows[:, 1:]
    else:
        fields = load_plain(
            content, origin=f"{origin}: {name}", error=DatasetError, encoding="bytes"
        )
        try:
            labels, pixels = np.asarray(fields[b"labels"]), np.asarray(fields[b"data"])
        except (KeyError, TypeError):
            raise DatasetError(f"{origin}: {name} holds no labels and data; get it again") from None
    if pixels.dtype != np.uint8 or pixels.shape[1:] != (_PIXELS,):
        raise DatasetError(f"{origin}: {name} holds no 32x32 colour images; get it again")
    return Examples(pixels.reshape(-1, 3, 32, 32), labels.astype(np.int64))


def _read_zips(paths: list[Path]) -> Splits:
    """Return all images of the zips; a fifth of the training images, stratified, is valid."""
    found: dict[str, list[Examples]] = {"train": [], "test": []}
    for path in paths:
        try:
            for split, images in read_image_zip(path, classes=CLASSES).items():
                found[split].append(images)
        except zipfile.BadZipFile:
            raise DatasetError(f"{path}: truncated or no zip file; get it again") from None
    merged = {}
    for split, parts in found.items():
        if not parts:
            raise DatasetError(
                f"{', '.join(map(str, paths))}: no images in {split}/<class>/; give a folder with "
                "zips that hold train and test"
            )
        merged[split] = Examples(
            np.concatenate([part.inputs for part in parts]),
            np.concatenate([part.targets for part in parts]),
        )
        size = len(merged[split])
        check_images(
            merged[split], shape=(size, 3, 32, 32), classes=len(CLASSES), origin=str(paths[0])
        )
    pool = merged["train"]
    drawn = draw_split(pool.targets, name="cifar10", sizes={"valid": len(pool) // 5})
    return Splits.of({**apply_split(pool, drawn), "test": merged["test"]}, TASK)
