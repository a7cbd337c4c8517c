"""Cells of DARTS's space whose edges compute mixtures of operations, on a part of the channels.

A quarter of the channels goes through the mixture, the rest passes by; which edges a node reads is
mixed, too, by weights of its own.
Source: Xu et al., PC-DARTS (ICLR 2020), sections 3.2 and 3.3.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nepsbench.search.oneshot.mixed_edges import MIXED, edges_of
from nepsbench.spaces.darts import NODES
from nepsbench.spaces.networks.cell_operations import FactorizedReduce, operation, project
from nepsbench.spaces.networks.layers import Layers
from nepsbench.spaces.pairs import INPUTS

#: The state that each edge reads, node by node.
EDGES = edges_of(NODES)
#: One of so many channels goes through the mixture.
SHARE = 4


@dataclass(frozen=True)
class EdgeMixture:
    """Weights of a cell.

    Attributes:
        operations: Shape (14, 8): a row for each edge, on the simplex.
        edges: Shape (14,): those of a node are on the simplex.
    """

    operations: Tensor
    edges: Tensor

    def detach(self) -> EdgeMixture:
        """Return the same as numbers, through which no gradient flows."""
        return EdgeMixture(self.operations.detach(), self.edges.detach())


class PartialEdge(nn.Module):
    """A mixture of all operations on the first quarter of the channels, then a shuffle.

    Args:
        channels: Of input and output.
        stride: 1 or 2.
        layers: Of a plane or of a sequence.
    """

    def __init__(self, channels: int, stride: int, layers: Layers) -> None:
        super().__init__()
        self._part = channels // SHARE
        self.operations = nn.ModuleList(_mixed(n, self._part, stride, layers) for n in MIXED[1:])
        self.pass_by = nn.Identity() if stride == 1 else layers.max_pool(2, 2, ceil_mode=True)

    def forward(self, x: Tensor, weights: Tensor) -> Tensor:
        """Map (inputs, channels, places) to the same, or half the places; ``weights``: shape (8,).

        Operations of weight zero are left out.
        """
        through, by = x[:, : self._part], self.pass_by(x[:, self._part :])
        nothing = by.new_zeros(by.shape[0], self._part, *by.shape[2:])
        mixed = sum(
            (
                weights[1 + kind] * module(through)
                for kind, module in enumerate(self.operations)
                if weights.requires_grad or weights[1 + kind] != 0
            ),
            start=nothing,
        )
        return _shuffled(torch.cat([mixed, by], dim=1))


class PartialCell(nn.Module):
    """A cell of two inputs and four nodes, each the weighted sum of all edges to it.

    Args:
        c_before: Channels of the cell before the last one.
        c_last: Channels of the last cell.
        width: Channels of every state.
        reduces: Whether the cell halves each axis of places.
        after_reduction: Whether the last cell did.
        layers: Of a plane or of a sequence.
    """

    def __init__(
        self,
        *,
        c_before: int,
        c_last: int,
        width: int,
        reduces: bool,
        after_reduction: bool,
        layers: Layers,
    ) -> None:
        super().__init__()
        self.before = (
            FactorizedReduce(c_before, width, layers=layers, affine=False)
            if after_reduction
            else project(c_before, width, layers=layers, affine=False)
        )
        self.last = project(c_last, width, layers=layers, affine=False)
        self.edges = nn.ModuleList(
            PartialEdge(width, 2 if reduces and state < INPUTS else 1, layers) for _, state in EDGES
        )

    def forward(self, before: Tensor, last: Tensor, mixture: EdgeMixture) -> Tensor:
        """Return the four nodes side by side, 4 times ``width`` channels."""
        states = [self.before(before), self.last(last)]
        for node in range(NODES):
            parts = [
                mixture.edges[k] * self.edges[k](states[state], mixture.operations[k])
                for k, (target, state) in enumerate(EDGES)
                if target == node and (mixture.edges.requires_grad or mixture.edges[k] != 0)
            ]
            states.append(torch.stack(parts).sum(0))
        return torch.cat(states[INPUTS:], dim=1)


def _mixed(name: str, channels: int, stride: int, layers: Layers) -> nn.Module:
    module = operation(name, channels, stride, layers=layers, affine=False)
    if "pool" in name:
        return nn.Sequential(module, layers.norm(channels, affine=False))
    return module


def _shuffled(x: Tensor) -> Tensor:
    """Return the channels so that the mixture's lie among the others in the next layer."""
    images, channels, *places = x.shape
    return x.reshape(images, SHARE, channels // SHARE, *places).transpose(1, 2).reshape(x.shape)
