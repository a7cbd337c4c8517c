"""TrivialAugment on whole batches: one random operation of random strength for each image.

Operations and strengths are those of the authors' ``fixed_standard`` set with 31 strengths, which
the original benchmark used: Mueller and Hutter, TrivialAugment (ICCV 2021), table 1. Results are
those of Pillow's operations, pixel for pixel where these are exact.

Images are ordered by their operation, so that each operation works on a slice. What moves or
replaces pixels (``pixel_operations``) works on bytes, the rest on floats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from nepsbench.training.pixel_operations import (
    MOVES,
    STRENGTHS,
    equalize_,
    move_,
    posterize_,
    solarize_,
    whole,
)

OPERATIONS = (
    "identity", "equalize", "solarize", "posterize", *MOVES,
    "autocontrast", "brightness", "color", "contrast", "sharpness",
)  # fmt: skip

_MOVES = slice(OPERATIONS.index(MOVES[0]), OPERATIONS.index(MOVES[-1]) + 1)

#: Bytes of images that an operation works on at once: its floats stay near the processor.
_TOGETHER = 3 << 17

#: Weights of red, green and blue in grey (ITU-R 601-2), in 1/65536.
_GREY = (19595, 38470, 7471)


def trivial_augmented(
    images: Tensor, which: Tensor, chosen: Tensor, *, levels: Tensor, signs: Tensor
) -> Tensor:
    """Return some of ``images``, each changed by an operation, at its level and sign.

    Args:
        images: uint8, shape (images, 1 or 3 channels, height, width).
        which: Indices of images, shape (n,).
        chosen: Of each, the index into ``OPERATIONS``, ascending, shape (n,).
        levels: 0 (weakest) to 30, likewise.
        signs: -1 or 1, the direction of what moves pixels, likewise.
    """
    changed = images.new_empty((len(which), *images.shape[1:]))
    strength = (levels / (STRENGTHS - 1)).reshape(-1, 1, 1, 1)
    for name, now in _parts(chosen, most=max(1, _TOGETHER // images[0].numel())):
        part = torch.index_select(images, 0, which[now], out=changed[now])
        if name == "equalize":
            equalize_(part)
        elif name == "solarize":
            solarize_(part, strength[now])
        elif name == "posterize":
            posterize_(part, strength[now])
        elif name in MOVES:
            move_(part, chosen[now] - _MOVES.start, steps=levels[now] * signs[now])
        elif name == "autocontrast":
            part.copy_(whole(_stretched(part)))
        elif name in _WITHOUT:
            part.copy_(whole(_blended(part, 0.1 + 1.8 * strength[now], _WITHOUT[name])))
    return changed


def _parts(chosen: Tensor, *, most: int) -> Iterator[tuple[str, slice]]:
    """Yield where there are images of an operation, of all that move pixels, or some of these."""
    counts = torch.bincount(chosen, minlength=len(OPERATIONS)).tolist()
    end = 0
    for name, count in zip(OPERATIONS, counts, strict=True):
        if name in MOVES[1:]:
            continue
        begin = end
        end += sum(counts[_MOVES]) if name in MOVES else count
        for first in range(begin, end, most):
            yield name, slice(first, min(first + most, end))


def _stretched(images: Tensor) -> Tensor:
    """Stretch each channel to 0..255; a channel of one value stays."""
    low, high = (end((2, 3), keepdim=True).float() for end in (images.amin, images.amax))
    stretches = high > low
    scale = torch.where(stretches, 255.0 / (high - low).clamp_min_(1), 1.0)
    return images.float().sub_(torch.where(stretches, low, 0.0)).mul_(scale)


def _blended(images: Tensor, share: Tensor, without: Callable[[Tensor], Tensor]) -> Tensor:
    """Return images beyond, or on the way to, those without a quality."""
    full = images.float()
    return torch.lerp(without(full), full, share).clamp_(0, 255)


def _grey(images: Tensor) -> Tensor:
    if images.shape[1] == 1:
        return images
    first, *others = torch.split(images, 1, dim=1)
    grey = first * _GREY[0]
    for channel, weight in zip(others, _GREY[1:], strict=True):
        grey.add_(channel, alpha=weight)
    # Whole numbers below 2^24, so exact.
    return grey.add_(0x8000).div_(0x10000).floor_()


def _mean_grey(images: Tensor) -> Tensor:
    """Return the mean of grey at every place: a single one would be slow to blend with."""
    mean = _grey(images).mean((1, 2, 3), keepdim=True, dtype=torch.float64)
    return (mean + 0.5).floor_().float().expand_as(images).contiguous()


def _smooth(images: Tensor) -> Tensor:
    """Return the 3x3 average with a centre of weight 5; the border stays."""
    width = images.shape[3]
    if min(images.shape[2:]) < 3:
        return images
    # All pixels in a row, as small whole numbers: neighbours are apart by as much everywhere, and
    # what is wrong is on the border.
    pixels = images.to(torch.int16).flatten()
    rows = pixels[: -2 * width] + pixels[width:-width]
    rows += pixels[2 * width :]
    total = rows[:-2] + rows[1:-1]
    total += rows[2:]
    total.add_(pixels[width + 1 : -width - 1], alpha=4)
    result = torch.empty_like(images)
    result.view(-1)[width + 1 : -width - 1] = total
    result.div_(13).add_(0.5).floor_()
    for axis in (2, 3):
        for edge in (0, -1):
            result.select(axis, edge).copy_(images.select(axis, edge))
    return result


#: Images without the quality that an operation blends away, or strengthens.
_WITHOUT: dict[str, Callable[[Tensor], Tensor]] = {
    "brightness": torch.zeros_like,
    "color": _grey,
    "contrast": _mean_grey,
    "sharpness": _smooth,
}
