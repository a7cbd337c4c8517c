"""Crop, resize and mirror whole batches of uint8 images, without work for each single image.

Images are ordered by how they are cropped, so that one copy crops all that are cropped alike.
"""

from __future__ import annotations

import torch
from torch import Tensor

from nepsbench.training.resizing import resized, resized_crops


def crop_and_flip(
    images: Tensor,
    which: Tensor,
    *,
    offsets: Tensor,
    flips: Tensor,
    padding: int,
    resolution: float,
) -> Tensor:
    """Pad some of ``images`` with black, crop them to their size, resize them, and mirror some.

    Published pipelines mirror first. Since no offset is likelier than its opposite, that makes no
    difference, and what is resized already is smaller.

    Args:
        images: uint8, shape (images, channels, height, width).
        which: Places in ``images``, shape (crops,).
        offsets: First row and column of each crop in its padded image, shape (2, crops).
        flips: Which to mirror, bool, shape (crops,).
        padding: Pixels on each side.
        resolution: New height and width, in shares of the old.

    Returns:
        Pixels of 0 to 255: uint8 at full resolution, else floats.
    """
    if resolution != 1.0:
        size = _scaled(images, resolution)
        return resized_crops(
            images, which, offsets=offsets, flips=flips, padding=padding, size=size
        )
    side = 2 * padding + 1
    kind = (flips * side + offsets[0]) * side + offsets[1]
    order = kind.argsort(stable=True)
    ends = torch.bincount(kind, minlength=2 * side**2).cumsum(0).tolist()
    ordered = images.index_select(0, which[order])
    if padding:
        ordered = _cropped(ordered, ends, padding=padding)
    mirrored = ordered[ends[side**2 - 1] :]
    mirrored.copy_(mirrored.flip(3))
    return ordered.index_select(0, order.argsort())


def _cropped(images: Tensor, ends: list[int], *, padding: int) -> Tensor:
    """Crop images that lie by their offsets; ``ends`` says where those of each pair end."""
    result, begin, side = torch.zeros_like(images), 0, 2 * padding + 1
    height, width = images.shape[2:]
    for number, end in enumerate(ends):
        if begin < end:
            row, column = divmod(number % side**2, side)
            new_rows, old_rows = _overlap(row - padding, height)
            new_columns, old_columns = _overlap(column - padding, width)
            crop = images[begin:end, :, old_rows, old_columns]
            result[begin:end, :, new_rows, new_columns] = crop
        begin = end
    return result


def _overlap(shift: int, size: int) -> tuple[slice, slice]:
    """Return which places of a side show old ones that are ``shift`` further on, and which."""
    first, last = max(0, -shift), min(size, size - shift)
    last = max(first, last)
    return slice(first, last), slice(first + shift, last + shift)


def at_resolution(images: Tensor, resolution: float) -> Tensor:
    """Return uint8 images with height and width scaled by ``resolution``, antialiased bilinear.

    What is resized has its channels last.
    """
    return images if resolution == 1.0 else resized(images, _scaled(images, resolution))


def _scaled(images: Tensor, resolution: float) -> tuple[int, int]:
    height, width = (max(1, int(resolution * size)) for size in images.shape[-2:])
    return height, width
