"""TrivialAugment on whole batches: one random operation of random strength for each image.

Operations and strengths are those of the authors' ``fixed_standard`` set with 31 strengths, which
the original benchmark used: Mueller and Hutter, TrivialAugment (ICCV 2021), table 1. Results are
those of Pillow's operations, pixel for pixel where these are exact.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

_STRENGTHS = 31
OPERATIONS = (
    "identity", "autocontrast", "equalize", "rotate", "solarize", "color", "posterize", "contrast",
    "brightness", "sharpness", "shear_x", "shear_y", "translate_x", "translate_y",
)  # fmt: skip

_MAX_ROTATION = 30  # degrees
_MAX_SHEAR = 0.3
_MAX_TRANSLATION = 10  # pixels
_GEOMETRIC = ("rotate", "shear_x", "shear_y", "translate_x", "translate_y")
#: Weights of red, green and blue in grey (ITU-R 601-2), in 1/65536.
_GREY = (19595, 38470, 7471)


def trivial_augment(images: Tensor, *, generator: torch.Generator) -> Tensor:
    """Return the images, each changed by one operation drawn from ``generator``.

    Args:
        images: uint8, shape (images, 1 or 3 channels, height, width).
        generator: The numbers drawn from it depend only on the number of images.
    """
    size = (len(images),)
    chosen = torch.randint(len(OPERATIONS), size, generator=generator)
    levels = torch.randint(_STRENGTHS, size, generator=generator)
    signs = 1 - 2 * torch.randint(2, size, generator=generator)
    return apply_operations(images, chosen, levels=levels, signs=signs)


def apply_operations(images: Tensor, chosen: Tensor, *, levels: Tensor, signs: Tensor) -> Tensor:
    """Apply to each image the operation with index ``chosen`` at its level (0 to 30) and sign."""
    result = images.clone()
    for number, name in enumerate(OPERATIONS):
        members = torch.nonzero(chosen == number).flatten()
        if name == "identity" or len(members) == 0:
            continue
        strength = levels[members] / (_STRENGTHS - 1)
        result[members] = _apply(name, images[members], strength=strength, signs=signs[members])
    return result


def _apply(name: str, images: Tensor, *, strength: Tensor, signs: Tensor) -> Tensor:
    """Apply one operation; ``strength`` is in 0..1 for each image."""
    if name in _GEOMETRIC:
        return _transform(images, _matrices(name, strength * signs, images.shape[-2:]))
    by_image = strength[:, None, None, None]
    if name == "autocontrast":
        return _autocontrast(images)
    if name == "equalize":
        return _equalize(images)
    if name == "solarize":
        return torch.where(images < 256 - (256 * by_image).int(), images, 255 - images)
    if name == "posterize":
        dropped = (4 * by_image).to(torch.uint8)
        return (images >> dropped) << dropped
    return _blend(_degenerate(name, images), images, factor=0.1 + 1.8 * by_image)


def _matrices(name: str, strength: Tensor, size: torch.Size) -> Tensor:
    """Return maps from target to source coordinates, shape (images, 2, 3)."""
    zero, one = torch.zeros_like(strength), torch.ones_like(strength)
    if name == "rotate":
        angle = (strength * _MAX_ROTATION).trunc() * (math.pi / 180)
        cosine, sine = angle.cos(), angle.sin()
        y, x = size[0] / 2, size[1] / 2
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


def _transform(images: Tensor, matrices: Tensor) -> Tensor:
    """Return affine images by nearest neighbour; what comes from outside is black."""
    count, channels, height, width = images.shape
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    target = torch.stack((x, y, torch.ones_like(x))).reshape(3, -1)
    source = (matrices @ target).floor().long()
    column, row = source[:, 0], source[:, 1]
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    places = (row * width + column).clamp_(0, height * width - 1)
    flat = images.reshape(count, channels, -1)
    found = flat.gather(2, places[:, None, :].expand(-1, channels, -1))
    return (found * inside[:, None, :]).reshape(images.shape)


def _autocontrast(images: Tensor) -> Tensor:
    """Stretch each channel to 0..255; a channel of one value stays."""
    values = images.float()
    low, high = values.amin((2, 3), keepdim=True), values.amax((2, 3), keepdim=True)
    stretched = (values - low) * (255.0 / (high - low).clamp_min(1))
    return torch.where(high > low, stretched, values).to(torch.uint8)


def _equalize(images: Tensor) -> Tensor:
    """Flatten each channel's histogram by Pillow's integer rule."""
    count, channels, height, width = images.shape
    flat = images.reshape(count * channels, -1).long()
    histogram = torch.zeros(len(flat), 256, dtype=torch.int64)
    histogram.scatter_add_(1, flat, torch.ones_like(flat))
    step = (height * width - histogram.gather(1, flat.amax(1, keepdim=True))) // 255
    below = histogram.cumsum(1) - histogram
    table = ((below + step // 2) // step.clamp_min(1)).clamp_(0, 255)
    table = torch.where(step > 0, table, torch.arange(256))
    return table.gather(1, flat).to(torch.uint8).reshape(images.shape)


def _degenerate(name: str, images: Tensor) -> Tensor:
    """Return what an enhancement starts from: the images without the quality it enhances."""
    if name == "brightness":
        return torch.zeros_like(images)
    if name == "sharpness":
        return _smooth(images)
    grey = _grey(images)
    if name == "color":
        return grey
    return (grey.double().mean((1, 2, 3), keepdim=True) + 0.5).floor().to(torch.uint8)


def _grey(images: Tensor) -> Tensor:
    if images.shape[1] == 1:
        return images
    weights = torch.tensor(_GREY)[:, None, None]
    total = (images.int() * weights).sum(1, keepdim=True)
    return ((total + 0x8000) >> 16).to(torch.uint8)


def _smooth(images: Tensor) -> Tensor:
    """Return the 3x3 average with a centre of weight 5; the border stays."""
    result = images.clone()
    if min(images.shape[-2:]) >= 3:
        count, channels, height, width = images.shape
        flat = images.float().reshape(count * channels, 1, height, width)
        total = 9 * F.avg_pool2d(flat, 3, stride=1) + 4 * flat[:, :, 1:-1, 1:-1]
        inner = (total / 13 + 0.5).floor().to(torch.uint8)
        result[:, :, 1:-1, 1:-1] = inner.reshape(count, channels, height - 2, width - 2)
    return result


def _blend(start: Tensor, images: Tensor, *, factor: Tensor) -> Tensor:
    """Return ``start`` at factor 0, the images at 1, beyond them above; clipped to 0..255."""
    begin = start.float()
    return (begin + factor * (images.float() - begin)).clamp_(0, 255).to(torch.uint8)
