"""The layers of networks for what lies in a plane, and for sequences: the same names for both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from nepsbench.spaces.problem import Problem


@dataclass(frozen=True)
class Layers:
    """Classes of layers that work on inputs with so many axes of places.

    Attributes:
        axes: 2 for a plane, 1 for a sequence.
        convolution: Of torch.
        norm: Batch normalisation.
        average_pool: Of torch.
        max_pool: Of torch.
        mean: Pooling to a fixed size.
    """

    axes: int
    convolution: Any
    norm: Any
    average_pool: Any
    max_pool: Any
    mean: Any

    def head(self, width: int, outputs: int, *, dense: bool) -> list[nn.Module]:
        """Return what ends a network: one output an example, or one for each place."""
        return (self.dense_head if dense else self.pooled_head)(width, outputs)

    def pooled_head(self, width: int, outputs: int) -> list[nn.Module]:
        """Return the mean over all places and a linear layer."""
        return [self.mean(1), nn.Flatten(), nn.Linear(width, outputs)]

    def dense_head(self, width: int, outputs: int) -> list[nn.Module]:
        """Return a linear layer of each place's channels: the same weights everywhere."""
        return [self.convolution(width, outputs, 1)]


PLANE = Layers(
    2, nn.Conv2d, nn.BatchNorm2d, nn.AvgPool2d, nn.MaxPool2d, nn.AdaptiveAvgPool2d
)  # fmt: skip
SEQUENCE = Layers(
    1, nn.Conv1d, nn.BatchNorm1d, nn.AvgPool1d, nn.MaxPool1d, nn.AdaptiveAvgPool1d
)  # fmt: skip


def layers_for(problem: Problem) -> Layers:
    """Return the layers for a problem."""
    return SEQUENCE if problem.is_sequence else PLANE


def entrance(problem: Problem) -> list[nn.Module]:
    """Return what comes before a network's first layer: an image of one row is a sequence."""
    return [nn.Flatten(2)] if problem.is_sequence else []


def every_other(x: Tensor, stride: int) -> Tensor:
    """Return each ``stride``-th place along each axis of places."""
    steps = (slice(None), slice(None), *(slice(None, None, stride) for _ in x.shape[2:]))
    return x[steps]
