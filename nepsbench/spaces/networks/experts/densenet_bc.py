"""DenseNet-BC, the expert of CIFAR-100.

Three blocks of bottleneck layers, each of which sees what all before it gave, and between them
transitions that halve channels and both axes. Source: Huang et al., Densely Connected
Convolutional Networks (CVPR 2017), section 3 and table 2.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from nepsbench.spaces.experts import DENSENET_BC
from nepsbench.spaces.networks.layers import PLANE
from nepsbench.spaces.parameters import Scalar
from nepsbench.spaces.problem import Problem

_BLOCKS, _BOTTLENECK = 3, 4


class DenseLayer(nn.Module):
    """A 1x1 and a 3x3 convolution, whose output stands beside the input."""

    def __init__(self, c_in: int, growth: int) -> None:
        super().__init__()
        inner = _BOTTLENECK * growth
        self.layers = nn.Sequential(
            nn.BatchNorm2d(c_in),
            nn.ReLU(),
            nn.Conv2d(c_in, inner, 1, bias=False),
            nn.BatchNorm2d(inner),
            nn.ReLU(),
            nn.Conv2d(inner, growth, 3, padding=1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (images, c_in, h, w) to (images, c_in + growth, h, w)."""
        return torch.cat([x, self.layers(x)], dim=1)


def build(configuration: Mapping[str, Scalar], problem: Problem) -> nn.Sequential:
    """Return the network of ``configuration``.

    Raises:
        InvalidConfigurationError: If the configuration is not in the space.
    """
    valid = DENSENET_BC.validate(configuration)
    growth, layers = int(valid["Growth"]), (int(valid["Depth"]) - 4) // (2 * _BLOCKS)
    channels = 2 * growth
    network: list[nn.Module] = [nn.Conv2d(problem.channels, channels, 3, padding=1, bias=False)]
    for block in range(_BLOCKS):
        if block:
            network += _transition(channels)
            channels //= 2
        for _ in range(layers):
            network.append(DenseLayer(channels, growth))
            channels += growth
    network += [nn.BatchNorm2d(channels), nn.ReLU()]
    built = nn.Sequential(*network, *PLANE.pooled_head(channels, problem.outputs))
    for module in built.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
    return built


def _transition(channels: int) -> list[nn.Module]:
    return [
        nn.BatchNorm2d(channels),
        nn.ReLU(),
        nn.Conv2d(channels, channels // 2, 1, bias=False),
        nn.AvgPool2d(2, ceil_mode=True),
    ]
