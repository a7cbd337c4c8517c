"""The operations of TrivialAugment that move or replace pixels, on whole batches of bytes."""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor
from torch.nn.functional import pad

#: Of every operation: 0 to 30.
STRENGTHS = 31
MOVES = ("rotate", "shear_x", "shear_y", "translate_x", "translate_y")

_MAX_ROTATION = 30  # degrees
_MAX_SHEAR = 0.3
_MAX_TRANSLATION = 10  # pixels


def equalize_(images: Tensor) -> None:
    """Flatten each channel's histogram by Pillow's integer rule; in place, as all functions here.

    Args:
        images: uint8, shape (images, channels, height, width), contiguous; of all functions here.
    """
    count, channels, height, width = images.shape
    own = 256 * torch.arange(count * channels, dtype=torch.int32, device=images.device)
    places = (images.view(count * channels, -1) + own[:, None]).flatten()
    # Whole numbers far below 2^24, so floats are exact, and faster than long integers.
    histogram = torch.bincount(places, minlength=256 * len(own)).reshape(-1, 256).float()
    brightest = images.amax((2, 3)).long().reshape(-1, 1)
    step = ((height * width - histogram.gather(1, brightest)) / 255).floor_()
    below = histogram.cumsum(1).sub_(histogram)
    table = below.add_((step / 2).floor_()).div_(step.clamp_min(1)).floor_().clamp_(max=255)
    table = torch.where(step > 0, table, torch.arange(256.0, device=images.device))
    table = torch.empty_like(table, dtype=torch.uint8).copy_(whole(table))
    torch.index_select(table.view(-1), 0, places, out=images.view(-1))


def whole(values: Tensor) -> Tensor:
    """Return floats of 0 to 255 without their fractions, to be copied to bytes.

    Processors turn floats into bytes by way of small whole numbers; torch does not.
    """
    return values.to(torch.int16)


def solarize_(images: Tensor, strength: Tensor) -> None:
    """Invert what is at least as bright as a threshold, which falls with ``strength`` (0 to 1)."""
    last = 255 - (256 * strength).floor().to(torch.int16)
    below = last - images  # negative where it is brighter: then all bits of the shifted are 1
    images ^= (below >> 15).to(torch.uint8)


def posterize_(images: Tensor, strength: Tensor) -> None:
    """Drop up to four of the lowest bits."""
    unit = torch.exp2((4 * strength).floor())
    images &= (256 - unit).to(torch.uint8)


def move_(images: Tensor, which: Tensor, *, steps: Tensor) -> None:
    """Turn, shear or shift images, by nearest neighbour; what comes from outside is black.

    Args:
        images: As above.
        which: Indices into ``MOVES``, shape (images,).
        steps: Level times sign, -30 to 30, likewise.
    """
    count, channels, height, width = images.shape
    places = _sources(height, width).to(images.device)
    places = places.index_select(0, which * (2 * STRENGTHS - 1) + steps + STRENGTHS - 1)
    pixels = images.view(count, channels, -1)
    with_black = pad(pixels, (0, 1))
    torch.gather(with_black, 2, places[:, None].expand(-1, channels, -1), out=pixels)


@cache
def _sources(height: int, width: int) -> Tensor:
    """Return which place each place shows, by move and step; the place after the last is black.

    Shape (moves x steps, height x width), int64.
    """
    strength = torch.arange(1 - STRENGTHS, STRENGTHS) / (STRENGTHS - 1)
    maps = torch.cat([_maps(name, strength, height=height, width=width) for name in MOVES])
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    target = torch.stack((x, y, torch.ones_like(x))).reshape(3, -1)
    source = (maps.double() @ target.double()).floor_().long()
    column, row = source[:, 0], source[:, 1]
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    return torch.where(inside, row * width + column, height * width)


def _maps(name: str, strength: Tensor, *, height: int, width: int) -> Tensor:
    """Return maps from target to source coordinates, shape (strengths, 2, 3)."""
    zero, one = torch.zeros_like(strength), torch.ones_like(strength)
    if name == "rotate":
        angle = (strength * _MAX_ROTATION).trunc() * (math.pi / 180)
        cosine, sine = angle.cos(), angle.sin()
        y, x = height / 2, width / 2
        rows = (cosine, -sine, x - x * cosine + y * sine, sine, cosine, y - x * sine - y * cosine)
    elif name == "shear_x":
        rows = (one, strength * _MAX_SHEAR, zero, zero, one, zero)
    elif name == "shear_y":
        rows = (one, zero, zero, strength * _MAX_SHEAR, one, zero)
    else:
        shift = (strength * _MAX_TRANSLATION).trunc()
        along_x = name == "translate_x"
        rows = (one, zero, shift if along_x else zero, zero, one, zero if along_x else shift)
    return torch.stack(rows, dim=1).reshape(-1, 2, 3)
