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

#: What torch's weights are held in: 15 bits, without the sign.
_LARGEST_WEIGHT = 1 << 15
_MOST_BITS = 22
#: Of a sum of bytes times weights with so many bits, a float holds every digit.
_BITS_OF_FLOATS = 16
#: Bytes of images that one product takes: its floats stay near the processor.
_TOGETHER = 3 << 17


def resized(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Return images scaled to ``size``, antialiased bilinear: uint8, channels last.

    Args:
        images: uint8, shape (images, channels, height, width).
        size: New height and width.
    """
    (down,), (across,) = (
        _crops(old, new, 0).to(images.device)
        for old, new in zip(images.shape[2:], size, strict=True)
    )
    parts = torch.split(images, _most(images))
    small = [_placed(_lines(part, across), down, len(part)).to(torch.uint8) for part in parts]
    return torch.cat([part.contiguous() for part in small]).permute(0, 3, 1, 2)


def resized_crops(
    images: Tensor,
    which: Tensor,
    *,
    offsets: Tensor,
    flips: Tensor,
    padding: int,
    size: tuple[int, int],
) -> Tensor:
    """Pad some of ``images`` with black, crop them to their size, scale them, and mirror some.

    Args:
        images: uint8, shape (images, channels, height, width).
        which: Places in ``images``, shape (crops,).
        offsets: First row and column of each crop in its padded image, shape (2, crops).
        flips: Which to mirror, bool, shape (crops,).
        padding: Pixels on each side.
        size: New height and width.

    Returns:
        Whole numbers as floats, shape (crops, channels, new height, new width), channels last.
    """
    down, across = (
        _crops(old, new, padding).to(images.device)
        for old, new in zip(images.shape[2:], size, strict=True)
    )
    across = torch.stack((across, across.flip(1)), 1).flatten(0, 1)
    kinds = (offsets[0] * len(down) + offsets[1]) * 2 + flips
    order = kinds.argsort(stable=True)
    ends = torch.bincount(kinds, minlength=len(down) * len(across)).cumsum(0).tolist()
    ordered = images.index_select(0, which[order])
    small = images.new_empty((len(which), *size, images.shape[1]), dtype=torch.float32)
    for number, now in _runs(ends, most=_most(images)):
        row, column = divmod(number, len(across))
        small[now] = _placed(_lines(ordered[now], across[column]), down[row], now.stop - now.start)
    return small.index_select(0, order.argsort()).permute(0, 3, 1, 2)


def _most(images: Tensor) -> int:
    """Return how many images one product takes."""
    return max(1, _TOGETHER // images[0].numel())


def _runs(ends: list[int], *, most: int) -> Iterator[tuple[int, slice]]:
    """Yield each kind that has images, and where they lie, no more than ``most`` at a time."""
    begin = 0
    for number, end in enumerate(ends):
        for start in range(begin, end, most):
            yield number, slice(start, min(end, start + most))
        begin = end


def _lines(images: Tensor, across: Tensor) -> Tensor:
    """Return the new columns of all rows, shape (new width, images x channels x height)."""
    rows = images.reshape(-1, images.shape[3]).to(across.dtype)
    return (across @ rows.t()).add_(0.5).floor_()


def _placed(lines: Tensor, down: Tensor, count: int) -> Tensor:
    """Return images, shape (images, new height, new width, channels), of their new columns."""
    columns = lines.to(down.dtype).reshape(-1, down.shape[1])
    places = (down @ columns.t()).add_(0.5).floor_().float()
    return places.reshape(len(down), len(lines), count, -1).permute(2, 0, 1, 3)


@cache
def _crops(old: int, new: int, padding: int) -> Tensor:
    """Return the weights of old places in new ones for each first place of a crop.

    Shape (2 x padding + 1, new, old); multiples of a power of two.
    """
    weights = _weights(old, new)
    crops = [weights.new_zeros(weights.shape) for _ in range(2 * padding + 1)]
    for offset, crop in enumerate(crops):
        shift = offset - padding
        first, last = max(0, shift), min(old, old + shift)
        if first < last:
            crop[:, first:last] = weights[:, first - shift : last - shift]
    return torch.stack(crops)


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
