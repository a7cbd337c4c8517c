"""A published zip of images in folders by class, shrunk to one size."""

from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import PurePosixPath

import numpy as np

from nepsbench.datasets.examples import Examples
from nepsbench.errors import DatasetError

_SUFFIXES = (".tif", ".tiff", ".jpg", ".jpeg", ".png")


def read_labelled_zip(
    content: bytes, *, classes: tuple[str, ...], side: int, origin: str
) -> Examples:
    """Return the images below folders that are called like a class, in the order of their names.

    Args:
        content: The zip.
        classes: Names of folders, by the class's number.
        side: Height and width that images are shrunk to: each pixel the mean of its area.
        origin: For the errors.

    Raises:
        DatasetError: If Pillow is missing, or the zip or an image is damaged.
    """
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise DatasetError(
            f"{origin}: reading images needs Pillow; run: pip install pillow"
        ) from None
    pixels, labels = [], []
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            for name in sorted(archive.namelist()):
                folder = PurePosixPath(name).parent.name
                if folder not in classes or not name.lower().endswith(_SUFFIXES):
                    continue
                try:
                    with Image.open(BytesIO(archive.read(name))) as image:
                        small = image.convert("RGB").resize((side, side), Image.Resampling.BOX)
                except (UnidentifiedImageError, OSError, ValueError):
                    raise DatasetError(f"{origin}: {name} is damaged; get it again") from None
                pixels.append(np.asarray(small).transpose(2, 0, 1))
                labels.append(classes.index(folder))
    except (zipfile.BadZipFile, EOFError):
        raise DatasetError(f"{origin}: truncated or no zip file; get it again") from None
    if not pixels:
        raise DatasetError(f"{origin}: no images in folders {classes[0]}, ...; get it again")
    return Examples(np.stack(pixels), np.array(labels, np.int64))
