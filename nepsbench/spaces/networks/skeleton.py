"""NAS-Bench-201's skeleton: three stages of cells, the width doubled between them.

Source: Dong and Yang, NAS-Bench-201 (ICLR 2020), section 2.2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from nepsbench.spaces.cells import Cell
from nepsbench.spaces.networks.cell import Activation, CellModule, ConvBN
from nepsbench.spaces.networks.layers import PLANE
from nepsbench.spaces.networks.normalisation import batch_norm

_STAGES = 3


class ResidualBlock(nn.Module):
    """Halves height and width and changes the channels: two 3x3 ConvBN beside a pooled shortcut.

    Pooling rounds sizes up, as the strided convolution does, so that odd maps work too. Without
    ``halves`` the size is kept, and the shortcut is a 1x1 ConvBN.
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        activation: Activation,
        *,
        bias: bool = False,
        halves: bool = True,
    ) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            ConvBN(c_in, c_out, kernel=3, stride=1 + halves, activation=activation, bias=bias),
            ConvBN(c_out, c_out, kernel=3, activation=activation, bias=bias),
        )
        self.shortcut = (
            nn.Sequential(nn.AvgPool2d(2, ceil_mode=True), nn.Conv2d(c_in, c_out, 1, bias=bias))
            if halves
            else ConvBN(c_in, c_out, kernel=1, activation=activation, bias=bias)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (images, c_in, h, w) to (images, c_out, ceil(h/2), ceil(w/2))."""
        shortcut: Tensor = self.shortcut(x)
        main: Tensor = self.convolutions(x)
        return shortcut + main


def cell_network(
    cell: Cell,
    *,
    depth: int,
    width: int,
    in_channels: int,
    classes: int,
    activation: Activation = nn.ReLU,
    bias: bool = False,
    count_include_pad: bool = False,
    dense: bool = False,
) -> nn.Sequential:
    """Return the network of a cell: stem, ``depth`` cells a stage, classifier.

    Args:
        cell: The cell.
        depth: Cells in a stage.
        width: Channels of the first stage.
        in_channels: Channels of an image.
        classes: Outputs of the network.
        activation: Of every convolution.
        bias: Whether convolutions outside of cells have one.
        count_include_pad: Whether a cell's pooling counts the padding.
        dense: Whether there is an output for each place: all layers keep the size then.
    """

    def make_cell(channels: int) -> nn.Module:
        return CellModule(cell, channels, activation, count_include_pad=count_include_pad)

    return network_of_cells(
        make_cell,
        depth=depth,
        width=width,
        in_channels=in_channels,
        classes=classes,
        activation=activation,
        bias=bias,
        dense=dense,
    )


def network_of_cells(
    make_cell: Callable[[int], nn.Module],
    *,
    depth: int,
    width: int,
    in_channels: int,
    classes: int,
    activation: Activation = nn.ReLU,
    bias: bool = False,
    dense: bool = False,
) -> nn.Sequential:
    """Return the network whose cells ``make_cell`` makes, given their channels.

    The other arguments are those of :func:`cell_network`.
    """
    layers = _stem(in_channels, width, bias=bias)
    for stage in range(_STAGES):
        if stage > 0:
            layers.append(ResidualBlock(width, 2 * width, activation, bias=bias, halves=not dense))
            width *= 2
        layers += [make_cell(width) for _ in range(depth)]
    return nn.Sequential(*layers, *_head(width, classes, activation, dense=dense))


def sized_network(
    cell: Cell, *, widths: Sequence[int], in_channels: int, classes: int
) -> nn.Sequential:
    """Return the network whose layers have these widths: cells, and a reduction every other one."""
    layers = _stem(in_channels, widths[0], bias=False)
    before = widths[0]
    for place, width in enumerate(widths):
        if place % 2:
            layers.append(ResidualBlock(before, width, nn.ReLU))
        else:
            layers.append(CellModule(cell, width, nn.ReLU, c_in=before))
        before = width
    return nn.Sequential(*layers, *_head(before, classes, nn.ReLU))


def _stem(in_channels: int, width: int, *, bias: bool) -> list[nn.Module]:
    return [nn.Conv2d(in_channels, width, 3, padding=1, bias=bias), batch_norm(width)]


def _head(
    width: int, outputs: int, activation: Activation, *, dense: bool = False
) -> list[nn.Module]:
    return [batch_norm(width), activation(), *PLANE.head(width, outputs, dense=dense)]
