"""Average pooling of 3x3 places, as a convolution: several times faster than torch's pooling."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_SIDE = 3


class AveragePool(nn.Module):
    """Averages 3x3 places with stride 1; the size stays.

    Args:
        count_include_pad: Whether the places beyond the border count, as zeros.
    """

    def __init__(self, *, count_include_pad: bool) -> None:
        super().__init__()
        self.count_include_pad = count_include_pad

    def forward(self, x: Tensor) -> Tensor:
        """Map (images, channels, height, width) to the same shape."""
        pooled: Tensor = _Average.apply(x, self.count_include_pad)  # type: ignore[no-untyped-call]
        return pooled


class _Average(torch.autograd.Function):
    """A depthwise convolution that divides by nine, and a border made good for that.

    The kernel is symmetric, so the gradient is the same convolution of the gradient.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, count_include_pad: bool) -> Tensor:
        ctx.count_include_pad = count_include_pad
        pooled = _ninths(x)
        return pooled if count_include_pad else _without_padding_(pooled)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        if not ctx.count_include_pad:
            gradient = _without_padding_(gradient.clone())
        return _ninths(gradient), None


def _ninths(x: Tensor) -> Tensor:
    """Return the sum of each place's neighbours within the map, and of itself, over nine."""
    channels = x.shape[1]
    kernel = x.new_full((channels, 1, _SIDE, _SIDE), 1 / _SIDE**2)
    return F.conv2d(x, kernel, padding=_SIDE // 2, groups=channels)


def _without_padding_(x: Tensor) -> Tensor:
    """Multiply, in place, by nine over the number of neighbours that lie within the map."""
    for axis in (2, 3):
        size = x.shape[axis]
        if size == 1:
            x.mul_(_SIDE)
        else:
            for place in (0, size - 1):
                x.select(axis, place).mul_(_SIDE / (_SIDE - 1))
    return x
