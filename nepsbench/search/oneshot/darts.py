"""``oneshot_darts``: GAEA PC-DARTS, on images, sequences and maps.

Weights of operations and edges live on the simplex and are moved by exponentiated gradients; the
cells that are found are those of the heaviest edges.
Source: Li et al., Geometry-Aware Gradient Algorithms for Neural Architecture Search (ICLR 2021);
Xu et al., PC-DARTS (ICLR 2020); NAS-Bench-360, ``darts`` and ``darts_1d``.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from nepsbench.search.oneshot.methods import set_gradients
from nepsbench.search.oneshot.mixed_edges import MIXED, heaviest_pairs
from nepsbench.search.oneshot.partial_cell import EDGES, EdgeMixture, PartialCell
from nepsbench.spaces import darts
from nepsbench.spaces.networks.darts import STEM_WIDTH, reductions
from nepsbench.spaces.networks.layers import entrance, layers_for
from nepsbench.spaces.networks.searching import FoundArchitecture, Judge, Lesson, Searching
from nepsbench.spaces.oneshot import DARTS
from nepsbench.spaces.pairs import INPUTS
from nepsbench.spaces.parameters import Scalar
from nepsbench.spaces.problem import Problem


class EdgeWeights(nn.Module):
    """What is learnt of a cell: of each edge's operations, and of each node's edges."""

    def __init__(self) -> None:
        super().__init__()
        self.operations = nn.Parameter(torch.full((len(EDGES), len(MIXED)), 1 / len(MIXED)))
        self.edges = nn.ParameterList(
            torch.full((INPUTS + node,), 1 / (INPUTS + node)) for node in range(darts.NODES)
        )

    def mixture(self) -> EdgeMixture:
        """Return the weights; gradients flow through them."""
        return EdgeMixture(self.operations, torch.cat([*self.edges]))

    def pairs(self) -> list[tuple[str, int]]:
        """Return the two heaviest edges of each node, each with its heaviest operation."""
        mixture = self.mixture().detach()
        return heaviest_pairs(mixture.operations * mixture.edges[:, None], EDGES)


class DartsSearch(Searching):
    """A supernet of partial cells, with the weights of its normal and its reduction cells."""

    def __init__(self, problem: Problem, *, width: int, depth: int) -> None:
        super().__init__()
        layers, channels = layers_for(problem), STEM_WIDTH * width
        self.stem = nn.Sequential(
            *entrance(problem),
            layers.convolution(problem.channels, channels, 3, padding=1, bias=False),
            layers.norm(channels),
        )
        self.cells, self._reduces = nn.ModuleList(), []
        c_before, c_last, after = channels, channels, False
        for place in range(depth):
            reduces = place in reductions(depth, problem)
            width *= 2 if reduces else 1
            self.cells.append(
                PartialCell(
                    c_before=c_before,
                    c_last=c_last,
                    width=width,
                    reduces=reduces,
                    after_reduction=after,
                    layers=layers,
                )
            )
            self._reduces.append(reduces)
            after, c_before, c_last = reduces, c_last, darts.NODES * width
            self.head = nn.Sequential(*layers.head(c_last, problem.outputs, dense=problem.dense))
        self.normal, self.reduce = EdgeWeights(), EdgeWeights()
        self._live = False

    def architecture(self) -> list[nn.Parameter]:
        """Return the weights of operations and edges."""
        return [*self.normal.parameters(), *self.reduce.parameters()]

    def draw(self, progress: float, random: torch.Generator) -> None:
        """Change nothing: the whole mixture is computed, always."""
        del progress, random

    def learn(self, lesson: Lesson) -> None:
        """Set the gradients of the mixtures' weights by the validation loss."""
        inputs, targets = lesson.valid
        self._live = True
        loss = lesson.loss(self(inputs), targets)
        self._live = False
        set_gradients(self.architecture(), loss)

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (inputs, channels, places) to outputs."""
        normal, reduce = self.normal.mixture(), self.reduce.mixture()
        if not self._live:
            normal, reduce = normal.detach(), reduce.detach()
        before = last = self.stem(inputs)
        for cell, reduces in zip(self.cells, self._reduces, strict=True):
            before, last = last, cell(before, last, reduce if reduces else normal)
        found: Tensor = self.head(last)
        return found

    def found(self, judge: Judge, random: torch.Generator) -> FoundArchitecture:
        """Return the cells of the heaviest edges."""
        del judge, random
        cells = darts.from_genotype(self.normal.pairs(), self.reduce.pairs())
        return FoundArchitecture(darts.SPACE.name, cells)


def build(configuration: Mapping[str, Scalar], problem: Problem) -> DartsSearch:
    """Return the network that ``configuration`` searches.

    Raises:
        InvalidConfigurationError: If the configuration is not in the space.
    """
    values = DARTS.validate(configuration)
    return DartsSearch(problem, width=int(values["Width"]), depth=int(values["Depth"]))
