"""DEEPCON, the expert of PSICOV: a residual network whose convolutions widen by turns.

Source: Adhikari, DEEPCON: protein contact prediction using dilated convolutional neural networks
with dropout (Bioinformatics 2020), in the size that the author's PDNET (ba-lab/pdnet) gives it for
distances. The ReLU behind its last layer is left out: a map may be of logits or below zero.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from nepsbench.spaces.experts import DEEPCON
from nepsbench.spaces.parameters import Scalar
from nepsbench.spaces.problem import Problem

_DILATIONS = (1, 2, 4)


class DilatedBlock(nn.Module):
    """A 3x3 convolution, dropout and a dilated one, beside the input."""

    def __init__(self, width: int, *, dilation: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.Dropout(dropout),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (maps, width, h, w) to the same shape."""
        result: Tensor = x + self.layers(x)
        return result


def build(configuration: Mapping[str, Scalar], problem: Problem) -> nn.Sequential:
    """Return the network of ``configuration``.

    Raises:
        InvalidConfigurationError: If the configuration is not in the space.
    """
    valid = DEEPCON.validate(configuration)
    width, dropout = int(valid["Width"]), float(valid["Dropout"])
    blocks = (
        DilatedBlock(width, dilation=_DILATIONS[place % len(_DILATIONS)], dropout=dropout)
        for place in range(int(valid["Depth"]))
    )
    return nn.Sequential(
        nn.BatchNorm2d(problem.channels),
        nn.ReLU(),
        nn.Conv2d(problem.channels, width, 1),
        *blocks,
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Conv2d(width, problem.outputs, 3, padding=1),
    )
