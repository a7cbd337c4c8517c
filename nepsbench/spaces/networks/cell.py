"""A NAS-Bench-201 cell as a module: four nodes, an operation on each of six edges.

Source: Dong and Yang, NAS-Bench-201 (ICLR 2020), section 2.
"""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

from nepsbench.spaces.cells import JAHS_EDGES, Cell
from nepsbench.spaces.networks.normalisation import batch_norm, scale_and_shift
from nepsbench.spaces.networks.pooling import AveragePool

Activation = Callable[[], nn.Module]

_INPUT, _OUTPUT = 0, 3


class ConvBN(nn.Sequential):
    """Activation, convolution, batch normalisation; in this order."""

    def __init__(
        self,
        c_in: int,
        c_out: int,
        *,
        kernel: int,
        activation: Activation,
        stride: int = 1,
        bias: bool = False,
    ) -> None:
        super().__init__(
            activation(),
            nn.Conv2d(c_in, c_out, kernel, stride=stride, padding=kernel // 2, bias=bias),
            batch_norm(c_out),
        )

    def activate(self, x: Tensor) -> Tensor:
        """Return the first step's result, which others that read ``x`` can take, too."""
        activated: Tensor = self[0](x)
        return activated

    def convolve(self, activated: Tensor) -> Tensor:
        """Return the result of the steps after the first; in evaluation they are one."""
        convolution, norm = self[1], self[2]
        if self.training:
            normalised: Tensor = norm(convolution(activated))
            return normalised
        assert isinstance(convolution, nn.Conv2d)
        assert isinstance(norm, nn.BatchNorm2d)
        scale, shift = scale_and_shift(norm)
        if convolution.bias is not None:
            shift = shift + convolution.bias * scale
        weight = convolution.weight * scale[:, None, None, None]
        padding = weight.shape[-1] // 2
        return F.conv2d(activated, weight, shift, stride=convolution.stride, padding=padding)


class CellModule(nn.Module):
    """Sums the operations of the edges that arrive at each node.

    Every edge has its module, so that parameters and FLOPs are the published ones, but an edge that
    cannot change the output (its source holds only zeros, or nothing leads on from its target) is
    not computed. The result is the same: such edges would add zeros, or be read by nobody. What
    several edges do with the same node, its activation and its pooling, is done once.

    Args:
        cell: The cell.
        width: Channels of every node but the first.
        activation: Of its convolutions.
        c_in: Channels of the first node, ``width`` without.
        count_include_pad: Whether pooling counts the padding.
    """

    def __init__(
        self,
        cell: Cell,
        width: int,
        activation: Activation,
        *,
        c_in: int | None = None,
        count_include_pad: bool = False,
    ) -> None:
        super().__init__()
        channels = {_INPUT: width if c_in is None else c_in}
        self.operations = nn.ModuleList(
            _operation(
                name,
                channels.get(source, width),
                width,
                activation=activation,
                count_include_pad=count_include_pad,
            )
            for (source, _), name in zip(JAHS_EDGES, cell, strict=True)
        )
        self._width = width
        self._live = _live_edges(cell)

    def forward(self, x: Tensor) -> Tensor:
        """Map (images, c_in, height, width) to as many channels as the cell's width."""
        nodes: list[Tensor | None] = [x, None, None, None]
        shared: dict[tuple[int, type[nn.Module]], Tensor] = {}
        for edge in self._live:
            source, target = JAHS_EDGES[edge]
            node, present = nodes[source], nodes[target]
            assert node is not None
            arriving = self._arriving(edge, node, shared)
            nodes[target] = arriving if present is None else present + arriving
        output = nodes[_OUTPUT]
        return x.new_zeros(len(x), self._width, *x.shape[2:]) if output is None else output

    def _arriving(
        self, edge: int, node: Tensor, shared: dict[tuple[int, type[nn.Module]], Tensor]
    ) -> Tensor:
        """Return what an edge carries; ``shared`` holds what was computed by source and kind."""
        operation = self.operations[edge]
        key = JAHS_EDGES[edge][0], type(operation)
        if isinstance(operation, ConvBN):
            if key not in shared:
                shared[key] = operation.activate(node)
            return operation.convolve(shared[key])
        if isinstance(operation, AveragePool):
            if key not in shared:
                shared[key] = operation(node)
            return shared[key]
        carried: Tensor = operation(node)
        return carried


def _operation(
    name: str, c_in: int, c_out: int, *, activation: Activation, count_include_pad: bool
) -> nn.Module:
    """Return the module of one edge. ``none`` never runs, so a placeholder stands for it."""
    if name == "none" or (name == "skip_connect" and c_in == c_out):
        return nn.Identity()
    if name == "skip_connect":
        return nn.Sequential(nn.Conv2d(c_in, c_out, 1, bias=False), batch_norm(c_out))
    if name == "avg_pool_3x3":
        pool = AveragePool(count_include_pad=count_include_pad)
        if c_in == c_out:
            return pool
        return nn.Sequential(ConvBN(c_in, c_out, kernel=1, activation=activation), pool)
    kernel = {"nor_conv_3x3": 3, "nor_conv_1x1": 1}[name]
    return ConvBN(c_in, c_out, kernel=kernel, activation=activation)


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
