"""``imagenet16_120``: photographs of the first 120 classes of ImageNet, shrunk to 16x16.

Source: Chrabaszcz, Loshchilov and Hutter, A Downsampled Variant of ImageNet (arXiv:1707.08819); the
selection: Dong and Yang, NAS-Bench-201 (ICLR 2020).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nepsbench.datasets.about import About
from nepsbench.datasets.examples import Examples, Splits, check_images
from nepsbench.datasets.published import published_content
from nepsbench.datasets.splits import apply_split, stored_split
from nepsbench.datasets.task import Task
from nepsbench.errors import DatasetError
from nepsbench.plain_pickle import load_plain

#: MD5 of the files, as NAS-Bench-201 gives them.
TRAIN_FILES = {
    "train_data_batch_1": "27846dcaa50de8e21a7d1a35f30f0e91",
    "train_data_batch_2": "c7254a054e0e795c69120a5727050e3f",
    "train_data_batch_3": "4333d3df2e5ffb114b05d2ffc19b1e87",
    "train_data_batch_4": "1620cdf193304f4a92677b695d70d10f",
    "train_data_batch_5": "348b3c2fdbb3940c4e9e834affd3b18d",
    "train_data_batch_6": "6e765307c242a1b3d7d5ef9139b48945",
    "train_data_batch_7": "564926d8cbf8fc4818ba23d2faac7564",
    "train_data_batch_8": "f4755871f718ccb653440b9dd0ebac66",
    "train_data_batch_9": "bb6dd660c38c58552125b1a92f86b5d4",
    "train_data_batch_10": "8f03f34ac4b42271a294f91bf480f29b",
}
TEST_FILES = {"val_data": "3410e3017fdaefba8d5073aaa65e4bd6"}
_TRAIN, _HELD_OUT = 151_700, 6_000
_CLASSES, _SIDE = 120, 16
TASK = Task("cross_entropy", "acc", outputs=_CLASSES, classes=tuple(map(str, range(1, 121))))

ABOUT = About(
    title="photographs of 120 classes of ImageNet",
    shape=(3, _SIDE, _SIDE),
    task=TASK,
    sizes=(_TRAIN, 3_000, 3_000),
    files="`train_data_batch_1` to `_10` and `val_data`",
    steps="classes 1-120 of 1,000, as 0-119; normalised by channel",
    split="NAS-Bench-201's: all training images; the published validation images halved into valid "
    "and test by its list",
    publication="Chrabaszcz et al., arXiv:1707.08819; Dong and Yang, ICLR 2020",
    licence="ImageNet's terms: non-commercial research",
    trap="ImageNet asks for a login, so the files are not downloaded",
)


def read(source: Path | None) -> Splits:
    """Return the images.

    Raises:
        DatasetError: If a file is missing, truncated, or not the published one.
    """
    checksums = {**TRAIN_FILES, **TEST_FILES}
    batches = []
    for name, digits in checksums.items():
        content, origin = published_content(
            source, name, dataset="imagenet16_120", checksum=f"md5:{digits}"
        )
        batches.append(parse_batch(content, origin=origin))
    *train, held_out = batches
    pool = Examples(*(np.concatenate([getattr(b, part) for b in train])
                      for part in ("inputs", "targets")))  # fmt: skip
    for images, size in ((pool, _TRAIN), (held_out, _HELD_OUT)):
        shape = (size, 3, _SIDE, _SIDE)
        check_images(images, shape=shape, classes=_CLASSES, origin="imagenet16_120")
    halves = apply_split(held_out, stored_split("imagenet16_120", _HELD_OUT))
    return Splits(train=pool, valid=halves["valid"], test=halves["test"], task=TASK)


def parse_batch(content: bytes, *, origin: str) -> Examples:
    """Return the images of the first 120 classes of a batch of any size.

    Raises:
        DatasetError: If it is damaged, or of another format.
    """
    fields = load_plain(content, origin=origin, error=DatasetError, encoding="latin1")
    try:
        pixels, labels = np.asarray(fields["data"]), np.asarray(fields["labels"])
    except (KeyError, TypeError):
        raise DatasetError(f"{origin}: holds no data and labels; get it again") from None
    if pixels.dtype != np.uint8 or pixels.shape != (len(labels), 3 * _SIDE * _SIDE):
        raise DatasetError(f"{origin}: holds no 16x16 colour images; get it again")
    chosen = (labels >= 1) & (labels <= _CLASSES)
    return Examples(
        pixels[chosen].reshape(-1, 3, _SIDE, _SIDE), labels[chosen].astype(np.int64) - 1
    )
