"""Zips of image files in folders ``<split>/<class>/``."""

from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import Path, PurePosixPath

import numpy as np

from nepsbench.datasets.examples import Examples
from nepsbench.errors import DatasetError

_SUFFIXES = (".jpg", ".jpeg", ".png")


def read_image_zip(path: Path, *, classes: tuple[str, ...]) -> dict[str, Examples]:
    """Return the images of each split in a zip, in the order of their names.

    Raises:
        DatasetError: If Pillow is missing, a folder is no class, or images cannot be read or
            differ in size.
        zipfile.BadZipFile: If it is no zip.
    """
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise DatasetError(
            f"{path}: reading images needs Pillow; run: pip install pillow"
        ) from None
    pixels: dict[str, list[np.ndarray]] = {}
    labels: dict[str, list[int]] = {}
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            if not name.lower().endswith(_SUFFIXES):
                continue
            split, label = _place(name, path=path, classes=classes)
            try:
                with Image.open(BytesIO(archive.read(name))) as image:
                    array = np.asarray(image.convert("RGB"))
            except (UnidentifiedImageError, OSError):
                raise DatasetError(f"{path}: {name} is damaged; get the zip again") from None
            # A copy: stacked views would lie in memory as the file has them, channels last.
            pixels.setdefault(split, []).append(array.transpose(2, 0, 1).copy())
            labels.setdefault(split, []).append(label)
    return {split: _stacked(pixels[split], labels[split], path=path) for split in pixels}


def _place(name: str, *, path: Path, classes: tuple[str, ...]) -> tuple[str, int]:
    """Return split and label of ``<split>/<class>/<file>``."""
    parts = PurePosixPath(name).parts
    if len(parts) != 3 or parts[0] not in ("train", "test") or parts[1] not in classes:
        raise DatasetError(
            f"{path}: {name} is not train/<class>/<file> or test/<class>/<file> with a class of "
            + ", ".join(classes)
        )
    return parts[0], classes.index(parts[1])


def _stacked(pixels: list[np.ndarray], labels: list[int], *, path: Path) -> Examples:
    if len({array.shape for array in pixels}) != 1:
        raise DatasetError(f"{path}: its images differ in size; resize them to one size")
    return Examples(np.stack(pixels), np.array(labels, dtype=np.int64))
