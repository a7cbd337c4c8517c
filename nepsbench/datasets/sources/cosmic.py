"""``cosmic``: where cosmic rays hit, in images of the Hubble Space Telescope, 128x128.

Source: Zhang and Bloom, deepCR: Cosmic Ray Rejection with Deep Learning (ApJ 889, 2020); its use:
NAS-Bench-360.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nepsbench.datasets.about import About
from nepsbench.datasets.arrays import parse_npy, require_shape
from nepsbench.datasets.examples import Examples, Splits
from nepsbench.datasets.published import source_folder
from nepsbench.datasets.task import Task
from nepsbench.errors import DatasetError

TRAIN_FILE, TEST_FILE = "deepCR.ACS-WFC.train.tar", "deepCR.ACS-WFC.test.tar"
_FILTER = "f435w"
#: Of each visit: how bright the sky of each exposure is.
_SKY = "sky.npy"
#: Programmes and visits whose field is a galaxy.
GALAXIES = frozenset(
    {
        "10760_2", "10760_4", "13737_2", "13737_3", "9490_a3", "12513_2", "12513_3", "10182_pb",
        "10182_pd", "10584_13", "10342_3", "14343_1", "13057_1", "10260_7", "10260_5", "10407_3",
        "13364_95", "10190_28", "10190_13", "13671_35", "9490_a2", "13691_11", "12058_12",
        "12058_16", "12058_1", "12058_6", "14704_1", "13804_6",
    }
)  # fmt: skip
_SIDE, _CROP, _START = 256, 128, 64
_POOL, _TEST = 4_830, 420
TASK = Task("masked_binary_cross_entropy", "auroc_error", outputs=1, dense=True)

#: Contents of arrays by their paths in an archive.
Contents = dict[str, Callable[[], bytes]]

ABOUT = About(
    title="cosmic rays in images of galaxies",
    shape=(1, _CROP, _CROP),
    task=TASK,
    sizes=(4_347, 483, _TEST),
    files=f"`{TRAIN_FILE}` and `{TEST_FILE}`, or their content (`npy_train`, `npy_test`)",
    steps=f"filter {_FILTER}, fields of galaxies; the square from row and column {_START}; the "
    "sky's brightness of each, of which recipes add -0.9 to 3 times to training and validation "
    "images",
    split="NAS-Bench-360's sizes: the last tenth of the training images, by their paths, is valid",
    publication="Zhang and Bloom, ApJ 889, 2020",
    licence="CC BY 4.0",
    trap="NAS-Bench-360 lists files in the disk's order, crops at random, and calls AUROC what is "
    "the mean of two rates at one threshold: its figures are not comparable with this metric, the "
    "area itself. Ignored places add ln 2 each to the loss, as published",
)


def read(source: Path | None) -> Splits:
    """Return images and masks.

    Raises:
        DatasetError: If an archive is missing, truncated, or lacks images.
    """
    folder = source_folder(source, dataset="cosmic", wanted=f"{TRAIN_FILE} and {TEST_FILE}")
    pool, test = (
        parse_archive(folder, archive, part)
        for archive, part in ((TRAIN_FILE, "npy_train"), (TEST_FILE, "npy_test"))
    )
    for examples, size, archive in ((pool, _POOL, TRAIN_FILE), (test, _TEST, TEST_FILE)):
        if len(examples) != size:
            raise DatasetError(
                f"{folder / archive}: {len(examples)} images of galaxies through {_FILTER}, "
                f"expected {size}; get the published archive again"
            )
    return split(pool, test)


def split(pool: Examples, test: Examples) -> Splits:
    """Return the splits: of the pool, the last tenth is valid."""
    border = len(pool) * 9 // 10
    return Splits(
        train=pool.take(np.arange(border)),
        valid=pool.take(np.arange(border, len(pool))),
        test=test,
        task=TASK,
        kind="numbers",
    )


def parse_archive(folder: Path, archive: str, part: str) -> Examples:
    """Return the images of an archive of any size, packed or unpacked, by their paths.

    Raises:
        DatasetError: If it is missing or truncated, or an image has another shape.
    """
    packed = folder / archive
    if packed.is_file():
        try:
            with tarfile.open(packed) as tar:
                return _examples(_packed(tar, part, origin=packed), origin=packed)
        except (tarfile.TarError, EOFError, OSError):
            raise DatasetError(f"{packed}: truncated or no tar archive; get it again") from None
    if not (folder / part).is_dir():
        raise DatasetError(f"{packed}: no such file, nor a folder {part}; get the archive")
    files = (folder / part).rglob("*.npy")
    contents = {path.relative_to(folder).as_posix(): path.read_bytes for path in files}
    return _examples(contents, origin=folder / part)


def _packed(tar: tarfile.TarFile, part: str, *, origin: Path) -> Contents:
    contents: Contents = {}
    for member in tar.getmembers():
        name = PurePosixPath(member.name)
        if member.isfile() and part in name.parts:
            path = "/".join(name.parts[name.parts.index(part) :])
            contents[path] = lambda member=member: _content(tar, member, origin)  # type: ignore[misc]
    return contents


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo, origin: Path) -> bytes:
    file = tar.extractfile(member)
    content = file.read() if file is not None else b""
    if len(content) != member.size:
        raise DatasetError(f"{origin}: truncated in {member.name}; get it again")
    return content


def _examples(contents: Contents, *, origin: Path) -> Examples:
    chosen = sorted(path for path in contents if _is_wanted(path))
    inputs = np.empty((len(chosen), 1, _CROP, _CROP), np.float32)
    backgrounds = np.empty(len(chosen), np.float32)
    skies: dict[str, NDArray[Any]] = {}
    targets = np.zeros((len(chosen), 2, _CROP, _CROP), np.uint8)
    for index, path in enumerate(chosen):
        where = f"{origin}: {path}"
        layers: NDArray[Any] = parse_npy(contents[path](), origin=where)
        require_shape(layers, (None, _SIDE, _SIDE), origin=where, what="the image")
        if len(layers) not in (2, 3):
            raise DatasetError(f"{where}: {len(layers)} layers, expected image, mask and ignored")
        end = _START + _CROP
        crop = layers[:, _START:end, _START:end]
        inputs[index, 0] = crop[0]
        targets[index, : len(crop) - 1] = crop[1:] > 0.5
        visit = path.rpartition("/")[0]
        if visit not in skies:
            skies[visit] = _skies(contents, visit, origin=origin)
        backgrounds[index] = _sky(skies[visit], path, origin=origin)
    return Examples(inputs, targets, backgrounds=backgrounds)


def _skies(contents: Contents, visit: str, *, origin: Path) -> NDArray[Any]:
    """Return how bright the sky of each exposure of a visit is."""
    path = f"{visit}/{_SKY}"
    if path not in contents:
        raise DatasetError(f"{origin}: lacks {path}; get the published archive again")
    return parse_npy(contents[path](), origin=f"{origin}: {path}").ravel()


def _sky(skies: NDArray[Any], path: str, *, origin: Path) -> float:
    """Return the sky of one image, whose name begins with the number of its exposure, from 1."""
    number = path.rpartition("/")[2].partition("_")[0]
    if not (number.isdecimal() and 1 <= int(number) <= len(skies)):
        raise DatasetError(
            f"{origin}: {path} is none of the {len(skies)} exposures of its {_SKY}; get the "
            "published archive again"
        )
    return float(skies[int(number) - 1])


def _is_wanted(path: str) -> bool:
    """Return whether ``npy_*/<filter>/<programme>/<visit>/<file>`` is an image of a galaxy."""
    parts = path.split("/")
    return (
        len(parts) == 5
        and parts[1] == _FILTER
        and f"{parts[2]}_{parts[3]}" in GALAXIES
        and parts[4].endswith(".npy")
        and parts[4] != _SKY
    )
