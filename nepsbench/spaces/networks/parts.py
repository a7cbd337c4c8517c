"""Parts of channels, each in memory of its own.

With channels last, a part of them is short rows that lie apart. What reads such a part is slow, or
copies it first, forward and again backward; so parts are copied once, where they come to be.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def taken_apart(x: Tensor, channels: Sequence[int]) -> list[Tensor]:
    """Return the parts of ``x``, shape (images, channels, ...), that have so many channels each."""
    if len(channels) == 1:
        return [x]
    return [part.clone() for part in torch.split(x, list(channels), dim=1)]


def put_together(parts: Sequence[Tensor]) -> Tensor:
    """Return the concatenation of channels; each part's gradient has memory of its own."""
    if len(parts) == 1:
        return parts[0]
    whole: Tensor = _Concatenation.apply(*parts)  # type: ignore[no-untyped-call]
    return whole


class _Concatenation(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *parts: Tensor) -> Tensor:
        ctx.channels = [part.shape[1] for part in parts]
        return torch.cat(parts, dim=1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, ...]:
        return tuple(taken_apart(gradient, ctx.channels))
