"""``oneshot_autodeeplab``: a cell and its path through four resolutions, for maps.

All resolutions are computed in each layer; a cell at one level sums what it makes of the levels
beside it in the layer before, by weights of the moves. What is found is the cell of the heaviest
edges, and the heaviest path.
Source: Liu et al., Auto-DeepLab (CVPR 2019), sections 3.3 and 3.4; NAS-Bench-360, ``autodeeplab``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from nepsbench.search.oneshot.methods import set_gradients
from nepsbench.search.oneshot.mixed_edges import MIXED, edges_of, heaviest_pairs
from nepsbench.spaces import autodeeplab
from nepsbench.spaces.autodeeplab import LEVELS, NODES
from nepsbench.spaces.networks.autodeeplab import Pyramid, resized, size_at, stem
from nepsbench.spaces.networks.cell_operations import operation, project
from nepsbench.spaces.networks.searching import (
    FoundArchitecture,
    Judge,
    Lesson,
    Searching,
    own_generator,
)
from nepsbench.spaces.oneshot import AUTODEEPLAB
from nepsbench.spaces.pairs import INPUTS, OPERATIONS
from nepsbench.spaces.parameters import Scalar
from nepsbench.spaces.problem import Problem

_START = 1e-3
_EDGES = edges_of(NODES)
#: Up, stay, down.
_MOVES = (-1, 0, 1)


class MixedCell(nn.Module):
    """A cell whose edges compute all operations, for each level that it may come from.

    Args:
        level: Its own.
        filters: Channels of a state at level 0.
        sources: The levels of its last input.
    """

    def __init__(self, level: int, filters: int, sources: list[int]) -> None:
        super().__init__()
        width = filters << level
        self.before = project(NODES * width, width, affine=False)
        self.last = nn.ModuleDict(
            {
                str(source): project(NODES * (filters << source), width, affine=False)
                for source in sources
            }
        )
        self.edges = nn.ModuleList(
            nn.ModuleList(operation(name, width, 1, affine=False) for name in OPERATIONS)
            for _ in _EDGES
        )
        self._width = width

    def forward(
        self, before: Tensor | None, last: Tensor, source: int, size: tuple[int, int], alpha: Tensor
    ) -> Tensor:
        """Return the five nodes side by side; without ``before`` that input is zero."""
        second = self.last[str(source)](resized(last, size))
        first = torch.zeros_like(second) if before is None else self.before(before)
        states = [first, second]
        for node in range(NODES):
            parts = [
                alpha[k, 1 + kind] * module(states[state])
                for k, (target, state) in enumerate(_EDGES)
                if target == node
                for kind, module in enumerate(self.edges[k].children())
            ]
            states.append(torch.stack(parts).sum(0))
        return torch.cat(states[INPUTS:], dim=1)


class DeepLabSearch(Searching):
    """The trellis of all cells, with the logits of operations and moves.

    Args:
        problem: What it maps to what.
        filters: Channels of a state at level 0.
        depth: Layers.
        random: For what it starts from.
    """

    def __init__(
        self, problem: Problem, *, filters: int, depth: int, random: torch.Generator
    ) -> None:
        super().__init__()
        self._depth = depth
        self.stem = stem(problem.channels, filters)
        self.cells = nn.ModuleList(
            nn.ModuleDict(
                {
                    str(level): MixedCell(level, filters, self.sources(layer, level))
                    for level in self.levels(layer)
                }
            )
            for layer in range(depth)
        )
        self.heads = nn.ModuleDict(
            {
                str(level): Pyramid(NODES * (filters << level), problem.outputs, level)
                for level in self.levels(depth - 1)
            }
        )
        self.alpha = nn.Parameter(_START * torch.randn(len(_EDGES), len(MIXED), generator=random))
        self.moves = nn.Parameter(
            _START * torch.randn(depth, LEVELS, len(_MOVES), generator=random)
        )

    @staticmethod
    def levels(layer: int) -> range:
        """Return the levels that a layer has, from 0; layer -1 is the stem."""
        return range(min(layer + 2, LEVELS))

    def sources(self, layer: int, level: int) -> list[int]:
        """Return the levels of the layer before that lead to one of a layer."""
        return [source for source in self.levels(layer - 1) if abs(source - level) <= 1]

    def architecture(self) -> list[nn.Parameter]:
        """Return the logits of operations and moves."""
        return [self.alpha, self.moves]

    def draw(self, progress: float, random: torch.Generator) -> None:
        """Change nothing: the whole mixture is computed, always."""
        del progress, random

    def learn(self, lesson: Lesson) -> None:
        """Set the gradients of the logits by the validation loss."""
        inputs, targets = lesson.valid
        loss = lesson.loss(self._mixed(inputs, self.alpha, self.moves), targets)
        set_gradients(self.architecture(), loss)

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (images, channels, h, w) to (images, outputs, h, w)."""
        return self._mixed(inputs, self.alpha.detach(), self.moves.detach())

    def found(self, judge: Judge, random: torch.Generator) -> FoundArchitecture:
        """Return the cell of the heaviest edges, and the heaviest path."""
        del judge, random
        pairs = heaviest_pairs(self.alpha.detach().softmax(1), _EDGES)
        found = autodeeplab.from_parts(pairs, self._path())
        return FoundArchitecture(autodeeplab.SPACE.name, found)

    def shares(self, moves: Tensor, layer: int, source: int) -> Tensor:
        """Return the weights of a level's moves into a layer, on the simplex; none leave it."""
        possible = torch.tensor(
            [0 <= source + move < LEVELS and source + move in self.levels(layer)
             for move in _MOVES]
        )  # fmt: skip
        return moves[layer, source].masked_fill(~possible, -torch.inf).softmax(0)

    def _mixed(self, inputs: Tensor, alpha: Tensor, moves: Tensor) -> Tensor:
        weights = alpha.softmax(1)
        last: dict[int, Tensor] = {0: self.stem(inputs)}
        before: dict[int, Tensor] = {}
        quarter = (last[0].shape[2], last[0].shape[3])
        for layer, cells in enumerate(self.cells):
            shares = {source: self.shares(moves, layer, source) for source in last}
            values = {}
            for level in self.levels(layer):
                cell, size = cells[str(level)], size_at(quarter, level)  # type: ignore[index]
                parts = [
                    shares[source][level - source + 1]
                    * cell(before.get(level), last[source], source, size, weights)
                    for source in self.sources(layer, level)
                ]
                values[level] = torch.stack(parts).sum(0)
            before, last = last, values
        whole = (inputs.shape[2], inputs.shape[3])
        outputs = [resized(head(last[int(level)]), whole) for level, head in self.heads.items()]
        return torch.stack(outputs).mean(0)

    def _path(self) -> list[int]:
        """Return the levels of the heaviest path."""
        moves = self.moves.detach()
        best: dict[int, tuple[float, list[int]]] = {0: (0.0, [])}
        for layer in range(self._depth):
            ahead: dict[int, tuple[float, list[int]]] = {}
            for source, (weight, path) in best.items():
                logs = self.shares(moves, layer, source).log().tolist()
                for move, log in zip(_MOVES, logs, strict=True):
                    way = (weight + log, [*path, source + move])
                    if log > -math.inf and way[0] > ahead.get(source + move, (-math.inf, []))[0]:
                        ahead[source + move] = way
            best = ahead
        return max(best.values(), key=lambda way: way[0])[1]


def build(configuration: Mapping[str, Scalar], problem: Problem) -> DeepLabSearch:
    """Return the network that ``configuration`` searches.

    Raises:
        InvalidConfigurationError: If the configuration is not in the space.
    """
    values = AUTODEEPLAB.validate(configuration)
    random = own_generator()
    return DeepLabSearch(
        problem, filters=int(values["Width"]), depth=int(values["Depth"]), random=random
    )
