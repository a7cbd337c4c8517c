"""Labelled images as every source gives them and every split holds them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nepsbench.errors import DatasetError


@dataclass(frozen=True)
class Images:
    """Images and their labels.

    Attributes:
        pixels: uint8, shape (images, channels, height, width); 0 is black, 255 full.
        labels: int64, shape (images,), from 0.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: NDArray[np.integer]) -> Images:
        """Return the images at ``indices``, in their order."""
        return Images(self.pixels[indices], self.labels[indices])


@dataclass(frozen=True)
class Splits:
    """The three splits of a dataset and the names of its classes."""

    train: Images
    valid: Images
    test: Images
    classes: tuple[str, ...]

    def items(self) -> tuple[tuple[str, Images], ...]:
        """Return the splits with their names."""
        return (("train", self.train), ("valid", self.valid), ("test", self.test))


def check_images(images: Images, *, shape: tuple[int, ...], classes: int, origin: str) -> None:
    """Refuse images that are not what ``origin`` must hold.

    Raises:
        DatasetError: If shape, number of labels, or a label is wrong.
    """
    if images.pixels.shape != shape or images.labels.shape != shape[:1]:
        raise DatasetError(
            f"{origin}: found images {images.pixels.shape} with {images.labels.shape} labels, "
            f"expected {shape}; get the published files again"
        )
    if len(images) and not 0 <= images.labels.min() <= images.labels.max() < classes:
        raise DatasetError(
            f"{origin}: labels from {images.labels.min()} to {images.labels.max()}, expected "
            f"0 to {classes - 1}; get the published files again"
        )
