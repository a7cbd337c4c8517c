"""Images of another size as torch makes them of bytes, by products of matrices, exact here.

Pillow, and after it torch, resize bytes by whole numbers: the weights of a row's pixels are rounded
to multiples of a power of two, their sum is rounded to a byte, and columns follow likewise. Floats
hold each such sum exactly, in whatever order it is made; so pixels are the same on every device.
(Pillow's own weights have more bits: to halves and quarters all pixels are the same, else few are
one apart.)

Crops and mirror images are weights, too: what is cropped alike is a product of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import torch
from torch import Tensor

from nepsbench.training.crops import Crops, overlap

#: What torch's weights are held in: 15 bits, without the sign.
_LARGEST_WEIGHT = 1 << 15
_MOST_BITS = 22
#: Of a sum of bytes times weights with so many bits, a float holds every digit.
_BITS_OF_FLOATS = 16
#: Bytes of images that one product takes: its floats stay near the processor.
_TOGETHER = 3 << 18


def resized(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Return images scaled to ``size``, antialiased bilinear: uint8, channels last.

    Args:
        images: uint8, shape (images, channels, height, width).
        size: New height and width.
    """
    (down,), (across,) = _weights_of_crops(images, size, padding=0)
    small = images.new_empty((len(images), *size, images.shape[1]))
    for now, new in _pieces(images, small, pixels=images[0].numel()):
        _resize(now, new, down=down, across=across)
    return small.permute(0, 3, 1, 2)


def resized_crops(images: Tensor, crops: Crops, size: tuple[int, int]) -> Tensor:
    """Return crops of images that are padded with black, scaled to ``size``, some mirrored.

    Args:
        images: uint8, shape (images, channels, height, width).
        crops: Which, and from where.
        size: New height and width.

    Returns:
        Whole numbers as floats, shape (crops, channels, new height, new width), channels last.
    """
    down, across = _weights_of_crops(images, size, padding=crops.padding)
    mirrored = across.flip(1)
    which, groups, back = crops.grouped()
    small = images.new_empty((len(which), *size, images.shape[1]), dtype=torch.float32)
    for group in groups:
        columns = mirrored if group.is_mirrored else across
        weights = {"down": down[group.row], "across": columns[group.column]}
        parts = which[group.places], small[group.places]
        for now, new in _pieces(*parts, pixels=images[0].numel()):
            _resize(images.index_select(0, now), new, **weights)
    return small.index_select(0, back).permute(0, 3, 1, 2)


def _weights_of_crops(
    images: Tensor, size: tuple[int, int], *, padding: int
) -> tuple[Tensor, Tensor]:
    """Return the weights of rows and of columns, by the first place of a crop."""
    down, across = (
        _crops(old, new, padding).to(images.device)
        for old, new in zip(images.shape[2:], size, strict=True)
    )
    return down, across


def _pieces(images: Tensor, small: Tensor, *, pixels: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield some images, or their numbers, and what they become, again and again.

    Args:
        images: Or their numbers; along the first axis, as ``small``.
        small: Images.
        pixels: Of an image, in all channels.
    """
    pieces = max(1, round(len(images) * pixels / _TOGETHER))
    parts = (torch.tensor_split(each, pieces) for each in (images, small))
    return zip(*parts, strict=True)


def _resize(images: Tensor, small: Tensor, *, down: Tensor, across: Tensor) -> None:
    """Write images, resized by the weights, into ``small``: (images, height, width, channels)."""
    lines = _product(across, images.reshape(-1, images.shape[3]))
    columns = _product(down, lines.reshape(-1, images.shape[2]))
    places = columns.reshape(len(down), len(across), len(images), -1)
    small.copy_(places.permute(2, 0, 1, 3))


def _product(weights: Tensor, pixels: Tensor) -> Tensor:
    """Return whole numbers, shape (new, rows), of weights (new, old) and pixels (rows, old)."""
    half = weights.new_full((), 0.5)
    return torch.addmm(half, weights, pixels.to(weights.dtype).t()).floor_()


@cache
def _crops(old: int, new: int, padding: int) -> Tensor:
    """Return the weights of old places in new ones for each first place of a crop.

    Shape (2 x padding + 1, new, old); multiples of a power of two.
    """
    weights = _weights(old, new)
    crops = weights.new_zeros(2 * padding + 1, *weights.shape)
    for offset, crop in enumerate(crops):
        of_crop, of_image = overlap(offset - padding, old)
        crop[:, of_image] = weights[:, of_crop]
    return crops


def _weights(old: int, new: int) -> Tensor:
    """Return torch's weights of old places in new ones, shape (new, old): triangles."""
    scale = old / new
    centres = scale * (torch.arange(new, dtype=torch.float64) + 0.5)[:, None]
    distances = (torch.arange(old) + 0.5 - centres).abs() / max(scale, 1.0)
    shares = (1 - distances).clamp_(min=0)
    shares /= shares.sum(1, keepdim=True)
    bits = 0
    while bits < _MOST_BITS and int(0.5 + shares.max().item() * 2 ** (bits + 1)) < _LARGEST_WEIGHT:
        bits += 1
    rounded: Tensor = (shares * 2**bits + 0.5).floor_() / 2**bits
    return rounded.float() if bits <= _BITS_OF_FLOATS else rounded
