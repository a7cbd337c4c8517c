"""Which images are cropped, where, and which are mirrored; what is treated alike lies together."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


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

    def grouped(self) -> tuple[Tensor, list[Group]]:
        """Return the order in which crops that are made alike lie together, and each such group.

        Those that are mirrored come last.
        """
        side = 2 * self.padding + 1
        kinds = (self.flips * side + self.offsets[0]) * side + self.offsets[1]
        ends = torch.bincount(kinds, minlength=2 * side**2).cumsum(0).tolist()
        groups = [
            Group(number >= side**2, number // side % side, number % side, slice(begin, end))
            for number, (begin, end) in enumerate(zip([0, *ends], ends, strict=False))
            if begin < end
        ]
        return kinds.argsort(stable=True), groups


def overlap(shift: int, size: int) -> tuple[slice, slice]:
    """Return which places of a side show old ones that are ``shift`` further on, and which."""
    first, last = max(0, -shift), min(size, size - shift)
    last = max(first, last)
    return slice(first, last), slice(first + shift, last + shift)
