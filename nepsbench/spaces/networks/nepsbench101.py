"""The network of space ``nepsbench101``: NAS-Bench-201's skeleton with depth N and width W.

Resolution is no part of the network: it is applied to the images.
Source: jahs_bench (NEPSBench-101), ``search_space/graph.py``; Dong and Yang, NAS-Bench-201.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from nepsbench.spaces.nepsbench101 import SPACE, cell_of
from nepsbench.spaces.networks.cell import Activation, CellModule, ConvBN
from nepsbench.spaces.parameters import Scalar

_ACTIVATIONS: dict[str, Activation] = {
    "ReLU": nn.ReLU,
    "Hardswish": nn.Hardswish,
    "Mish": nn.Mish,
}
_STAGES = 3


class ResidualBlock(nn.Module):
    """Halves height and width and changes the channels: two 3x3 ConvBN beside a pooled shortcut.

    Pooling rounds sizes up, as the strided convolution does, so that odd maps work too.
    """

    def __init__(self, c_in: int, c_out: int, activation: Activation) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            ConvBN(c_in, c_out, kernel=3, stride=2, activation=activation),
            ConvBN(c_out, c_out, kernel=3, activation=activation),
        )
        self.shortcut = nn.Sequential(
            nn.AvgPool2d(2, ceil_mode=True), nn.Conv2d(c_in, c_out, 1, bias=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (images, c_in, h, w) to (images, c_out, ceil(h/2), ceil(w/2))."""
        shortcut: Tensor = self.shortcut(x)
        main: Tensor = self.convolutions(x)
        return shortcut + main


def build(configuration: Mapping[str, Scalar], *, in_channels: int, classes: int) -> nn.Sequential:
    """Return the network of ``configuration``.

    Raises:
        InvalidConfigurationError: If the configuration is not in the space.
    """
    configuration = SPACE.validate(configuration)
    cell = cell_of(configuration)
    activation = _ACTIVATIONS[str(configuration["Activation"])]
    depth, width = int(configuration["N"]), int(configuration["W"])
    layers: list[nn.Module] = [
        nn.Conv2d(in_channels, width, 3, padding=1, bias=False),
        nn.BatchNorm2d(width),
    ]
    for stage in range(_STAGES):
        if stage > 0:
            layers.append(ResidualBlock(width, 2 * width, activation))
            width *= 2
        layers += [CellModule(cell, width, activation) for _ in range(depth)]
    layers += [
        nn.BatchNorm2d(width),
        activation(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(width, classes),
    ]
    return nn.Sequential(*layers)
