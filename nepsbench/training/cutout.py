"""Cutout: a square of each training image is set to the mean.

It comes last, after normalisation, where the mean is 0. Source: DeVries and Taylor, Improved
Regularization of Convolutional Neural Networks with Cutout (2017).
"""

from __future__ import annotations

import torch
from torch import Tensor


def random_centres(images: int, shape: tuple[int, ...], *, generator: torch.Generator) -> Tensor:
    """Return the centre of each square: int64 rows and columns, shape (2, images).

    Args:
        images: How many.
        shape: Of one: channels, height and width.
        generator: Draws them.
    """
    sides = shape[1:]
    return torch.stack([torch.randint(0, n, (images,), generator=generator) for n in sides])


def cut_out(images: Tensor, *, centres: Tensor, side: int) -> None:
    """Set a square of each image to 0, in place; what lies beyond the image's border is not cut.

    Args:
        images: Normalised, shape (images, channels, height, width).
        centres: Row and column of each square's centre, shape (2, images).
        side: Of the squares, in pixels; even, an odd one counts as the next lower.
    """
    rows, columns = (
        _near(centre, torch.arange(size, device=images.device), half=side // 2)
        for centre, size in zip(centres, images.shape[2:], strict=True)
    )
    images.masked_fill_((rows[:, :, None] & columns[:, None, :])[:, None], 0.0)


def _near(centres: Tensor, places: Tensor, *, half: int) -> Tensor:
    """Return which places of a side lie within each square, shape (images, places)."""
    off = places - centres[:, None]
    return (off >= -half) & (off < half)
