"""The random numbers of an epoch's images, all drawn before the first batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nepsbench.training.pixel_operations import STRENGTHS
from nepsbench.training.trivial_augment import OPERATIONS


@dataclass(frozen=True)
class Draws:
    """What happens to each image that a pass reads.

    Attributes:
        order: Which images, int64, shape (images,); of everything else the last axis is theirs.
        offsets: First row and column of each crop, int64, shape (2, images).
        flips: Which are mirrored, bool, shape (images,).
        operations: Of TrivialAugment, int64, shape (3, images): operation, level and sign (-1 or
            1). None without.
    """

    order: Tensor
    offsets: Tensor
    flips: Tensor
    operations: Tensor | None

    def take(self, which: slice | Tensor) -> Draws:
        """Return the draws of some of the images, in the order that ``which`` names them."""
        return Draws(
            self.order[which],
            self.offsets[:, which],
            self.flips[which],
            None if self.operations is None else self.operations[:, which],
        )

    def to(self, device: torch.device) -> Draws:
        """Return the draws on a device."""
        operations = None if self.operations is None else self.operations.to(device)
        order, offsets = self.order.to(device), self.offsets.to(device)
        return Draws(order, offsets, self.flips.to(device), operations)


def draw(
    order: Tensor,
    *,
    padding: int,
    flip: bool,
    trivial_augment: bool,
    generator: torch.Generator,
) -> Draws:
    """Draw for the images in ``order``.

    Args:
        order: Which images, on the CPU, as the generator is.
        padding: Pixels around an image before it is cropped.
        flip: Whether half of them are mirrored.
        trivial_augment: Whether each is changed by an operation.
        generator: What is drawn from it depends only on the number of images, and on
            ``trivial_augment``, which comes last.
    """
    size = (len(order),)
    offsets = torch.randint(0, 2 * padding + 1, (2, *size), generator=generator)
    flips = torch.rand(size, generator=generator) < (0.5 if flip else 0.0)
    operations = None
    if trivial_augment:
        chosen = torch.randint(len(OPERATIONS), size, generator=generator)
        levels = torch.randint(STRENGTHS, size, generator=generator)
        signs = 1 - 2 * torch.randint(2, size, generator=generator)
        operations = torch.stack((chosen, levels, signs))
    return Draws(order, offsets, flips, operations)
