"""The networks of space ``densenas``: chains of residual blocks, in a plane or along a sequence.

Source: Fang et al., DenseNAS (CVPR 2020), section 4.3; He et al., Deep Residual Learning (CVPR
2016); rtu715/NAS-Bench-360, ``densenas`` and ``densenas_1d``, whose stem does not stride either.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor, nn

from nepsbench.spaces.densenas import BASES, SPACE, blocks_for, chain_of
from nepsbench.spaces.networks.layers import Layers, entrance, layers_for
from nepsbench.spaces.parameters import Scalar
from nepsbench.spaces.problem import Problem


class ResidualBlock(nn.Module):
    """Two convolutions of three places beside a shortcut; batch normalisation, ReLU.

    Args:
        c_in: Channels of its input.
        c_out: Channels of its output; where they differ the shortcut is a convolution.
        stride: Of the first convolution.
        layers: Of a plane or of a sequence.
        affine: Whether batch normalisation learns a scale.
    """

    def __init__(
        self, c_in: int, c_out: int, *, stride: int, layers: Layers, affine: bool = True
    ) -> None:
        super().__init__()

        def convolution(before: int, kernel: int, step: int) -> list[nn.Module]:
            return [
                layers.convolution(
                    before, c_out, kernel, stride=step, padding=kernel // 2, bias=False
                ),
                layers.norm(c_out, affine=affine),
            ]

        self.convolutions = nn.Sequential(
            *convolution(c_in, 3, stride), nn.ReLU(), *convolution(c_out, 3, 1)
        )
        same = stride == 1 and c_in == c_out
        self.shortcut = nn.Identity() if same else nn.Sequential(*convolution(c_in, 1, stride))

    def forward(self, x: Tensor) -> Tensor:
        """Map (inputs, c_in, places) to (inputs, c_out, places/stride, rounded up)."""
        return F.relu(self.convolutions(x) + self.shortcut(x))


def build(configuration: Mapping[str, Scalar], problem: Problem) -> nn.Sequential:
    """Return the network of ``configuration``.

    Raises:
        InvalidConfigurationError: If the configuration is not in the space.
    """
    values = SPACE.validate(configuration)
    blocks, layers = blocks_for(problem), layers_for(problem)
    factor = float(values["Width"])
    parts: list[nn.Module] = [*stem(problem, scaled(BASES[len(blocks)], factor))]
    before, halvings = scaled(BASES[len(blocks)], factor), 0
    for number, depth in chain_of(values, blocks):
        block = blocks[number - 1]
        width, stride = scaled(block.width, factor), 1 << (block.halvings - halvings)
        parts.append(ResidualBlock(before, width, stride=stride, layers=layers))
        parts += [ResidualBlock(width, width, stride=1, layers=layers) for _ in range(depth)]
        before, halvings = width, block.halvings
    head = layers.head(before, problem.outputs, dense=problem.dense)
    return nn.Sequential(*parts, *head)


def stem(problem: Problem, width: int) -> list[nn.Module]:
    """Return the layers before the first block."""
    layers = layers_for(problem)
    return [
        *entrance(problem),
        layers.convolution(problem.channels, width, 3, padding=1, bias=False),
        layers.norm(width),
        nn.ReLU(),
    ]


def scaled(width: int, factor: float) -> int:
    """Return so many channels, a share of them."""
    return max(2, round(width * factor))
