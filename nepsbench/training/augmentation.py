"""Crop, flip and resize of whole batches of uint8 images."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def random_offsets(images: int, *, padding: int, generator: torch.Generator) -> Tensor:
    """Return where to crop each image: int64 rows and columns, shape (2, images)."""
    return torch.randint(0, 2 * padding + 1, (2, images), generator=generator)


def crop_and_flip(images: Tensor, *, offsets: Tensor, flips: Tensor, padding: int) -> Tensor:
    """Mirror the images with a true flip, pad them with black, and crop them to their size.

    Args:
        images: Any type, shape (images, channels, height, width).
        offsets: First row and column of each crop in the padded image, shape (2, images).
        flips: bool, shape (images,).
        padding: Pixels on each side.
    """
    count, channels, height, width = images.shape
    padded = F.pad(images, (padding, padding, padding, padding))
    rows = offsets[0, :, None] + torch.arange(height)
    columns = offsets[1, :, None] + torch.arange(width)
    columns = torch.where(flips[:, None], width + 2 * padding - 1 - columns, columns)
    return padded[
        torch.arange(count)[:, None, None, None],
        torch.arange(channels)[None, :, None, None],
        rows[:, None, :, None],
        columns[:, None, None, :],
    ]


def at_resolution(images: Tensor, resolution: float) -> Tensor:
    """Return uint8 images with height and width scaled by ``resolution``, antialiased bilinear."""
    if resolution == 1.0:
        return images
    size = [max(1, int(resolution * n)) for n in images.shape[-2:]]
    scaled = F.interpolate(images.float(), size=size, mode="bilinear", antialias=True)
    return scaled.round_().clamp_(0, 255).to(torch.uint8)
