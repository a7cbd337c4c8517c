"""Crop, resize and mirror whole batches of uint8 images, without work for each single image."""

from __future__ import annotations

import torch
from torch import Tensor

from nepsbench.training.crops import Crops, overlap
from nepsbench.training.resizing import resized, resized_crops


def crop_and_flip(images: Tensor, crops: Crops, *, resolution: float) -> Tensor:
    """Return crops of padded images, resized, and mirrored where they are to be.

    The padding is black. Published pipelines mirror first. Since no offset is likelier than its
    opposite, that makes no difference.

    Args:
        images: uint8, shape (images, channels, height, width).
        crops: Which, and from where.
        resolution: New height and width, in shares of the old.

    Returns:
        Pixels of 0 to 255: uint8 at full resolution, else floats.
    """
    if resolution != 1.0:
        return resized_crops(images, crops, _scaled(images, resolution))
    which, groups, back = crops.grouped()
    ordered = images.index_select(0, which)
    if crops.padding:
        height, width = images.shape[2:]
        whole, ordered = ordered, torch.zeros_like(ordered)
        for group in groups:
            new_rows, old_rows = overlap(group.row - crops.padding, height)
            new_columns, old_columns = overlap(group.column - crops.padding, width)
            crop = whole[group.places, :, old_rows, old_columns]
            ordered[group.places, :, new_rows, new_columns] = crop
    first = next((group.places.start for group in groups if group.is_mirrored), len(which))
    mirrored = ordered[first:]
    mirrored.copy_(mirrored.flip(3))
    return ordered.index_select(0, back)


def at_resolution(images: Tensor, resolution: float) -> Tensor:
    """Return uint8 images with height and width scaled by ``resolution``, antialiased bilinear.

    What is resized has its channels last.
    """
    return images if resolution == 1.0 else resized(images, _scaled(images, resolution))


def _scaled(images: Tensor, resolution: float) -> tuple[int, int]:
    height, width = (max(1, int(resolution * size)) for size in images.shape[-2:])
    return height, width
