"""The way back from an order."""

from __future__ import annotations

import torch
from torch import Tensor


def inverse(order: Tensor) -> Tensor:
    """Return the order that undoes ``order``: sorting it would give the same, several times slower.

    Args:
        order: Each number below its length once, int64.
    """
    return torch.empty_like(order).scatter_(0, order, torch.arange(len(order), device=order.device))
