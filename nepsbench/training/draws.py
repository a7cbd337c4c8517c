"""The random numbers of an epoch's images, all drawn before the first batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nepsbench.training.cutout import random_centres
from nepsbench.training.pixel_operations import STRENGTHS
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
    """

    order: Tensor
    offsets: Tensor
    flips: Tensor
    centres: Tensor | None
    operations: Tensor | None

    def take(self, which: slice | Tensor) -> Draws:
        """Return the draws of some of the images, in the order that ``which`` names them."""
        return Draws(
            self.order[which],
            self.offsets[:, which],
            self.flips[which],
            None if self.centres is None else self.centres[:, which],
            None if self.operations is None else self.operations[:, which],
        )

    def to(self, device: torch.device) -> Draws:
        """Return the draws on a device."""
        parts = (self.order, self.offsets, self.flips, self.centres, self.operations)
        moved = (None if part is None else part.to(device) for part in parts)
        return Draws(*moved)  # type: ignore[arg-type]


def draw(
    order: Tensor,
    *,
    padding: int,
    flip: bool,
    cutout: tuple[int, ...] | None,
    trivial_augment: bool,
    generator: torch.Generator,
) -> Draws:
    """Draw for the images in ``order``.

    Args:
        order: Which images, on the CPU, as the generator is.
        padding: Pixels around an image before it is cropped.
        flip: Whether half of them are mirrored.
        cutout: Channels, height and width of an image that something is cut out of; None without.
        trivial_augment: Whether each is changed by an operation.
        generator: What is drawn from it depends only on the number of images, on ``cutout``, and
            on ``trivial_augment``, which comes last.
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
    return Draws(order, offsets, flips, centres, operations)
