"""Batch normalisation that is fast for few channels, too.

torch's works on eight channels at once, and one by one on fewer: a map of four channels takes
longer than one of eight. Where channels come last, several places side by side look like more
channels.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

#: Numbers that processors work on at once.
_LANES = 8
#: Places that are taken together, at most.
_TOGETHER = 32


def batch_norm(channels: int) -> nn.BatchNorm2d:
    """Return the batch normalisation that is fastest for so many channels."""
    return nn.BatchNorm2d(channels) if channels >= _LANES else NarrowBatchNorm(channels)


class NarrowBatchNorm(nn.BatchNorm2d):
    """Computes what ``nn.BatchNorm2d`` computes, in sums of another order."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (images, channels, height, width) to the same shape."""
        places = x.numel() // x.shape[1]
        if places <= 1 or self.momentum is None:
            return super().forward(x)
        assert self.running_mean is not None
        assert self.running_var is not None
        rows = _rows(x, math.gcd(places, _TOGETHER))
        if self.training:
            assert self.num_batches_tracked is not None
            self.num_batches_tracked.add_(1)
            result, mean, variance = _Normalise.apply(rows, self.weight, self.bias, self.eps)  # type: ignore[no-untyped-call]
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * (places / (places - 1)), self.momentum)
        else:
            scale, shift = scale_and_shift(self)
            together = rows.shape[1] // len(scale)
            result = torch.addcmul(shift.repeat(together), rows, scale.repeat(together))
        images, channels, height, width = x.shape
        normalised: Tensor = result.view(images, height, width, channels).permute(0, 3, 1, 2)
        return normalised


def scale_and_shift(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Return factor and summand of each channel that ``norm`` amounts to in evaluation."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
    return scale, norm.bias - norm.running_mean * scale


def _rows(x: Tensor, together: int) -> Tensor:
    """Return (images, channels, height, width) as (rows, places x channels)."""
    return x.permute(0, 2, 3, 1).reshape(-1, together * x.shape[1])


def _channel_sums(rows: Tensor, channels: int) -> Tensor:
    return rows.sum(0).view(-1, channels).sum(0)


class _Normalise(torch.autograd.Function):
    """Maps rows, weight, bias and epsilon to new rows, and mean and variance of the old.

    Source of the gradient: Ioffe and Szegedy, Batch Normalization (ICML 2015), section 3.
    """

    @staticmethod
    def forward(
        ctx: Any, rows: Tensor, weight: Tensor, bias: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        channels = len(weight)
        together, places = rows.shape[1] // channels, rows.numel() // channels
        mean = _channel_sums(rows, channels) / places
        centred = rows - mean.repeat(together)
        variance = _channel_sums(centred * centred, channels) / places
        inverse = (variance + eps).rsqrt()
        ctx.save_for_backward(centred, weight, inverse)
        ctx.mark_non_differentiable(mean, variance)
        scale = weight * inverse
        result = torch.addcmul(bias.repeat(together), centred, scale.repeat(together))
        return result, mean, variance

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        centred, weight, inverse = ctx.saved_tensors
        channels = len(weight)
        together, places = centred.shape[1] // channels, centred.numel() // channels
        total = _channel_sums(gradient, channels)
        along = _channel_sums(gradient * centred, channels)
        scale = weight * inverse
        offset = (-scale * total / places).repeat(together)
        slope = (-scale * inverse * inverse * along / places).repeat(together)
        passed = torch.addcmul(offset, centred, slope).addcmul_(gradient, scale.repeat(together))
        return passed, along * inverse, total, None
