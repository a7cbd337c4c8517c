"""What ends a network: one output an example, or one for each place."""

from __future__ import annotations

from torch import nn


def pooled_head(width: int, outputs: int) -> list[nn.Module]:
    """Return the mean over all places and a linear layer."""
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, outputs)]


def dense_head(width: int, outputs: int) -> list[nn.Module]:
    """Return a linear layer of each place's channels: the same weights everywhere."""
    return [nn.Conv2d(width, outputs, 1)]
