"""Cells of two inputs whose nodes sum two operations each, and the networks that chain them.

Source: Liu et al., DARTS (ICLR 2019); facebookresearch/pycls, ``models/nas``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nepsbench.spaces.networks.cell_operations import FactorizedReduce, operation, project
from nepsbench.spaces.networks.layers import PLANE, Layers


class GenotypeCell(nn.Module):
    """A cell of two inputs whose nodes sum two operations each.

    Args:
        pairs: Operation and state of each, two a node.
        concat: States that make the output.
        c_before: Channels of the cell before the last one.
        c_last: Channels of the last cell.
        width: Channels of every state.
        reduces: Whether the cell halves each axis of places.
        after_reduction: Whether the last cell did.
        drop_prob: How often a path is dropped in training.
        layers: Of a plane or of a sequence.
    """

    def __init__(
        self,
        pairs: list[tuple[str, int]],
        concat: list[int],
        *,
        c_before: int,
        c_last: int,
        width: int,
        reduces: bool,
        after_reduction: bool,
        drop_prob: float,
        layers: Layers = PLANE,
    ) -> None:
        super().__init__()
        self.before = (
            FactorizedReduce(c_before, width, layers=layers)
            if after_reduction
            else project(c_before, width, layers=layers)
        )
        self.last = project(c_last, width, layers=layers)
        self.operations = nn.ModuleList(
            operation(name, width, 2 if reduces and state < 2 else 1, layers=layers)
            for name, state in pairs
        )
        self._states = [state for _, state in pairs]
        self._concat = concat
        self._drop_prob = drop_prob

    def forward(self, before: Tensor, last: Tensor) -> Tensor:
        """Return the concatenated states, as many times ``width`` channels."""
        states = [self.before(before), self.last(last)]
        for place in range(0, len(self._states), 2):
            first, second = (self._edge(k, states) for k in (place, place + 1))
            states.append(first + second)
        return torch.cat([states[state] for state in self._concat], dim=1)

    def _edge(self, place: int, states: list[Tensor]) -> Tensor:
        module = self.operations[place]
        result: Tensor = module(states[self._states[place]])
        if self.training and self._drop_prob > 0 and not isinstance(module, nn.Identity):
            keep = 1 - self._drop_prob
            shape = (len(result), *(1 for _ in result.shape[1:]))
            result = result * torch.bernoulli(result.new_full(shape, keep)) / keep
        return result


class CellNetwork(nn.Module):
    """Stem, cells that read the two before them, classifier."""

    def __init__(self, stems: nn.ModuleList, cells: nn.ModuleList, head: nn.Module) -> None:
        super().__init__()
        self.stems, self.cells, self.head = stems, cells, head

    def forward(self, x: Tensor) -> Tensor:
        """Map (inputs, channels, places) to (inputs, outputs), or an output for each place."""
        before = last = self.stems[0](x)
        for stem in self.stems[1:]:
            last = stem(last)
        for cell in self.cells:
            before, last = last, cell(before, last)
        result: Tensor = self.head(last)
        return result
