"""A NAS-Bench-201 cell as a module: four nodes, an operation on each of six edges.

Source: Dong and Yang, NAS-Bench-201 (ICLR 2020), section 2.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from nepsbench.spaces.cells import JAHS_EDGES, Cell

Activation = Callable[[], nn.Module]

_INPUT, _OUTPUT = 0, 3


class ConvBN(nn.Sequential):
    """Activation, convolution without bias, batch normalisation; in this order."""

    def __init__(
        self, c_in: int, c_out: int, *, kernel: int, activation: Activation, stride: int = 1
    ) -> None:
        super().__init__(
            activation(),
            nn.Conv2d(c_in, c_out, kernel, stride=stride, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(c_out),
        )


class CellModule(nn.Module):
    """Sums the operations of the edges that arrive at each node.

    Every edge has its module, so that parameters and FLOPs are the published ones, but an edge that
    cannot change the output (its source holds only zeros, or nothing leads on from its target) is
    not computed. The result is the same: such edges would add zeros, or be read by nobody.
    """

    def __init__(self, cell: Cell, width: int, activation: Activation) -> None:
        super().__init__()
        self.operations = nn.ModuleList(
            _operation(name, width=width, activation=activation) for name in cell
        )
        self._live = _live_edges(cell)

    def forward(self, x: Tensor) -> Tensor:
        """Map (images, width, height, width) to the same shape."""
        nodes: list[Tensor | None] = [x, None, None, None]
        for edge in self._live:
            source, target = JAHS_EDGES[edge]
            arriving = self.operations[edge](nodes[source])
            present = nodes[target]
            nodes[target] = arriving if present is None else present + arriving
        output = nodes[_OUTPUT]
        return torch.zeros_like(x) if output is None else output


def _operation(name: str, *, width: int, activation: Activation) -> nn.Module:
    """Return the module of one edge. ``none`` never runs, so a placeholder stands for it."""
    if name in ("skip_connect", "none"):
        return nn.Identity()
    if name == "avg_pool_3x3":
        return nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
    kernel = {"nor_conv_3x3": 3, "nor_conv_1x1": 1}[name]
    return ConvBN(width, width, kernel=kernel, activation=activation)


def _live_edges(cell: Cell) -> tuple[int, ...]:
    """Return the edges on a path from input to output, ordered so that sources come first."""
    edges = {
        index: edge
        for index, (edge, name) in enumerate(zip(JAHS_EDGES, cell, strict=True))
        if name != "none"
    }
    filled, wanted = {_INPUT}, {_OUTPUT}
    for source, target in sorted(edges.values()):
        if source in filled:
            filled.add(target)
    for source, target in sorted(edges.values(), reverse=True):
        if target in wanted:
            wanted.add(source)
    live = [i for i, (source, target) in edges.items() if source in filled and target in wanted]
    return tuple(sorted(live, key=lambda index: (JAHS_EDGES[index][1], JAHS_EDGES[index][0])))
