"""The VGG-like network of FSD50K's authors, the expert of it.

Three pairs of convolutions, each before a pooling; the largest and the mean of each channel, over
all places, go to the outputs. Source: Fonseca et al., FSD50K: an Open Dataset of Human-Labeled
Sound Events (TASLP 2022), section 5.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from nepsbench.spaces.experts import VGG
from nepsbench.spaces.parameters import Scalar
from nepsbench.spaces.problem import Problem

_WIDTHS = (32, 64, 128)


class LargestAndMean(nn.Module):
    """Two numbers of each channel."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (images, channels, h, w) to (images, 2 channels)."""
        return torch.cat([x.amax(dim=(2, 3)), x.mean(dim=(2, 3))], dim=1)


def build(configuration: Mapping[str, Scalar], problem: Problem) -> nn.Sequential:
    """Return the network of ``configuration``.

    Raises:
        InvalidConfigurationError: If the configuration is not in the space.
    """
    share = float(VGG.validate(configuration)["Width"])
    network: list[nn.Module] = []
    before = problem.channels
    for published in _WIDTHS:
        width = round(published * share)
        for c_in in (before, width):
            network += [
                nn.Conv2d(c_in, width, 3, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(),
            ]
        network.append(nn.MaxPool2d(2, ceil_mode=True))
        before = width
    return nn.Sequential(*network, LargestAndMean(), nn.Linear(2 * before, problem.outputs))
