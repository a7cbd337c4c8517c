"""deepCR-mask, the expert of Cosmic: a U-Net of two levels.

Source: Zhang and Bloom, deepCR: Cosmic Ray Rejection with Deep Learning (ApJ 2020), its network
2-32; profjsb/deepCR, ``deepCR/unet.py``. Weights are normalised by vectors, as there.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from nepsbench.spaces.experts import DEEPCR
from nepsbench.spaces.parameters import Scalar
from nepsbench.spaces.problem import Problem


class UNet(nn.Module):
    """Two convolutions in full resolution, two in half of it, two in full again.

    Args:
        width: Channels in full resolution.
        problem: What it maps to what.
    """

    def __init__(self, width: int, problem: Problem) -> None:
        super().__init__()
        self.fine = _two(problem.channels, width)
        self.coarse = nn.Sequential(nn.MaxPool2d(2, ceil_mode=True), _two(width, 2 * width))
        self.up = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.both = _two(2 * width, width)
        self.head = nn.Conv2d(width, problem.outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (maps, channels, h, w) to (maps, outputs, h, w)."""
        fine = self.fine(x)
        height, width = fine.shape[-2:]
        up = self.up(self.coarse(fine))[..., :height, :width]
        outputs: Tensor = self.head(self.both(torch.cat([fine, up], dim=1)))
        return outputs


class _NormedConvolution(nn.Module):
    """A 3x3 convolution whose weights have a length and a direction of their own, and ReLU."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.convolution = weight_norm(nn.Conv2d(c_in, c_out, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.convolution(x))


def build(configuration: Mapping[str, Scalar], problem: Problem) -> UNet:
    """Return the network of ``configuration``.

    Raises:
        InvalidConfigurationError: If the configuration is not in the space.
    """
    return UNet(int(DEEPCR.validate(configuration)["Width"]), problem)


def _two(c_in: int, c_out: int) -> nn.Sequential:
    return nn.Sequential(_NormedConvolution(c_in, c_out), _NormedConvolution(c_out, c_out))
