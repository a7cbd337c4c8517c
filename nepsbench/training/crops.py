"""Which images are cropped, where, and which are mirrored; what is treated alike lies together."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nepsbench.training.ordering import inverse


@dataclass(frozen=True)
class Group:
    """Crops that are made alike, all mirrored or none, from the same place, and where they lie."""

    is_mirrored: bool
    row: int
    column: int
    places: slice


@dataclass(frozen=True)
class Crops:
    """Crops of padded images, of the images' own size.

    Attributes:
        which: Of which image each is, int64, shape (crops,).
        offsets: First row and column of each in its padded image, int64, shape (2, crops).
        flips: Which are mirrored, bool, shape (crops,).
        padding: Pixels on each side.
    """

    which: Tensor
    offsets: Tensor
    flips: Tensor
    padding: int

    def grouped(self) -> tuple[Tensor, list[Group], Tensor]:
        """Return ``which`` with crops that are made alike together, these groups, and the way back.

        Those that are mirrored come last. What is made in that order is, by the indices of the way
        back, in the order of the crops.
        """
        side = 2 * self.padding + 1
        kinds = (self.flips * side + self.offsets[0]) * side + self.offsets[1]
        ends = torch.bincount(kinds, minlength=2 * side**2).cumsum(0).tolist()
        groups = [
            Group(number >= side**2, number // side % side, number % side, slice(begin, end))
            for number, (begin, end) in enumerate(zip([0, *ends], ends, strict=False))
            if begin < end
        ]
        order = kinds.argsort(stable=True)
        return self.which.index_select(0, order), groups, inverse(order)


def overlap(shift: int, size: int) -> tuple[slice, slice]:
    """Return which places of a side show old ones that are ``shift`` further on, and which."""
    first, last = max(0, -shift), min(size, size - shift)
    last = max(first, last)
    return slice(first, last), slice(first + shift, last + shift)
