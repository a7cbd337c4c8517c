"""The random numbers of an epoch's images, all drawn before the first batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from nepsbench.training.cutout import random_centres
from nepsbench.training.masking import random_masks
from nepsbench.training.pixel_operations import STRENGTHS
from nepsbench.training.recipe_terms import Masks
from nepsbench.training.trivial_augment import OPERATIONS


@dataclass(frozen=True)
class Draws:
    """What happens to each image that a pass reads.

    Attributes:
        order: Which images, int64, shape (images,); of everything else the last axis is theirs.
        offsets: First row and column of each crop, int64, shape (2, images).
        flips: Which are mirrored, bool, shape (images,).
        centres: Row and column of what is cut out of each, int64, shape (2, images). None without.
        operations: Of TrivialAugment, int64, shape (3, images): operation, level and sign (-1 or
            1). None without.
        backgrounds: How many of its backgrounds are added to each, float32, shape (images,). None
            without.
        masks: As :func:`nepsbench.training.masking.random_masks` gives them. None without.
    """

    order: Tensor
    offsets: Tensor
    flips: Tensor
    centres: Tensor | None
    operations: Tensor | None
    backgrounds: Tensor | None
    masks: Tensor | None

    def take(self, which: slice | Tensor) -> Draws:
        """Return the draws of some of the images, in the order that ``which`` names them."""
        return self._each(lambda part: part[..., which])

    def to(self, device: torch.device) -> Draws:
        """Return the draws on a device."""
        return self._each(lambda part: part.to(device))

    def _each(self, change: Callable[[Tensor], Tensor]) -> Draws:
        parts = (getattr(self, field.name) for field in fields(self))
        return Draws(*(None if part is None else change(part) for part in parts))  # type: ignore[arg-type]


def draw(
    order: Tensor,
    *,
    padding: int,
    flip: bool,
    cutout: tuple[int, ...] | None,
    trivial_augment: bool,
    background: tuple[float, float] | None = None,
    masks: tuple[Masks, tuple[int, ...]] | None = None,
    generator: torch.Generator,
) -> Draws:
    """Draw for the images in ``order``.

    Args:
        order: Which images, on the CPU, as the generator is.
        padding: Pixels around an image before it is cropped.
        flip: Whether half of them are mirrored.
        cutout: Channels, height and width of an image that something is cut out of; None without.
        trivial_augment: Whether each is changed by an operation.
        background: Least and most of what is added of backgrounds; None without.
        masks: Of spectrograms, and channels, bands and times of one; None without.
        generator: What is drawn from it depends only on the number of images and on the arguments
            from ``cutout`` on, in their order.
    """
    size = (len(order),)
    offsets = torch.randint(0, 2 * padding + 1, (2, *size), generator=generator)
    flips = torch.rand(size, generator=generator) < (0.5 if flip else 0.0)
    centres = random_centres(len(order), cutout, generator=generator) if cutout else None
    operations = None
    if trivial_augment:
        chosen = torch.randint(len(OPERATIONS), size, generator=generator)
        levels = torch.randint(STRENGTHS, size, generator=generator)
        signs = 1 - 2 * torch.randint(2, size, generator=generator)
        operations = torch.stack((chosen, levels, signs))
    backgrounds = None
    if background is not None:
        low, high = background
        backgrounds = torch.rand(size, generator=generator) * (high - low) + low
    stripes = None
    if masks is not None:
        settings, shape = masks
        stripes = random_masks(len(order), shape, settings, generator=generator)
    return Draws(order, offsets, flips, centres, operations, backgrounds, stripes)
