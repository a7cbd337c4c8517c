"""Crop, resize and mirror whole batches of uint8 images, without work for each single image.

Images are ordered by how they are cropped, so that one copy crops all that are cropped alike.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def crop_and_flip(
    images: Tensor, *, offsets: Tensor, flips: Tensor, padding: int, resolution: float
) -> Tensor:
    """Pad images with black, crop them to their size, resize them, and mirror some.

    Published pipelines mirror first. Since no offset is likelier than its opposite, that makes no
    difference, and what is resized already is smaller.

    Args:
        images: uint8, shape (images, channels, height, width).
        offsets: First row and column of each crop in the padded image, shape (2, images).
        flips: Which to mirror, bool, shape (images,).
        padding: Pixels on each side.
        resolution: New height and width, in shares of the old.
    """
    side = 2 * padding + 1
    kind = (flips * side + offsets[0]) * side + offsets[1]
    order = kind.argsort(stable=True)
    ends = torch.bincount(kind, minlength=2 * side**2).cumsum(0).tolist()
    ordered = images.index_select(0, order)
    if padding:
        ordered = _cropped(ordered, ends, padding=padding)
    small = at_resolution(ordered, resolution)
    mirrored = small[ends[side**2 - 1] :]
    mirrored.copy_(mirrored.flip(3))
    return small.index_select(0, order.argsort())


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

    On the CPU the pixels are those of Pillow; but where one row or column is left, which torch 2.13
    gets wrong for bytes, they are rounded from floats, as they are elsewhere.
    """
    if resolution == 1.0:
        return images
    size = [max(1, int(resolution * n)) for n in images.shape[-2:]]
    if images.device.type == "cpu" and min(size) > 1:
        return F.interpolate(images, size=size, mode="bilinear", antialias=True)
    scaled = F.interpolate(images.float(), size=size, mode="bilinear", antialias=True)
    return scaled.round_().clamp_(0, 255).to(torch.uint8)
