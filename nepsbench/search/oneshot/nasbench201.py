"""``oneshot_nasbench201``: searches of NAS-Bench-201's cells, which its table then judges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from nepsbench.search.oneshot.methods import METHODS, Method
from nepsbench.search.oneshot.mixture import OPERATIONS, SHAPE, Mixture, hard
from nepsbench.search.oneshot.supernet import Supernet
from nepsbench.spaces import nasbench201
from nepsbench.spaces.networks.searching import (
    FoundArchitecture,
    Judge,
    Lesson,
    Searching,
    own_generator,
)
from nepsbench.spaces.oneshot import NASBENCH201
from nepsbench.spaces.parameters import Scalar
from nepsbench.spaces.problem import Problem

#: What is computed before anything was drawn.
_FIRST = (OPERATIONS.index("nor_conv_3x3"),) * SHAPE[0]


class CellSearch(Searching):
    """A supernet, and the method that searches it.

    Args:
        supernet: All cells' network.
        method: What mixes them.
    """

    def __init__(self, supernet: Supernet, method: Method) -> None:
        super().__init__()
        self.supernet, self.method = supernet, method
        self._mixture = hard(_FIRST)

    def architecture(self) -> list[nn.Parameter]:
        """Return what the method learns."""
        return [*self.method.parameters()]

    def draw(self, progress: float, random: torch.Generator) -> None:
        """Choose the mixture that the next steps of the weights compute."""
        with torch.no_grad():
            self._mixture = _cut(self.method.mixture(progress, random))

    def learn(self, lesson: Lesson) -> None:
        """Set the gradients of what the method learns."""
        self.method.learn(self.supernet, lesson)

    def forward(self, inputs: Tensor) -> Tensor:
        """Map inputs to outputs: by what was drawn, in evaluation by the best cell so far."""
        best = None if self.training else self.method.best()
        found: Tensor = self.supernet(inputs, self._mixture if best is None else hard(best))
        return found

    def found(self, judge: Judge, random: torch.Generator) -> FoundArchitecture:
        """Return the cell that the method names."""

        def judge_mixture(mixture: Mixture) -> float:
            self._mixture = mixture
            return judge()

        with torch.no_grad():
            cell = self.method.derive(judge_mixture, random)
        return FoundArchitecture("nasbench201", nasbench201.from_cell(cell))


def build(configuration: Mapping[str, Scalar], problem: Problem) -> CellSearch:
    """Return the network that ``configuration`` searches.

    Raises:
        InvalidConfigurationError: If the configuration is not in the space.
    """
    values = NASBENCH201.validate(configuration)
    supernet = Supernet(problem, width=int(values["Width"]), depth=int(values["Depth"]))
    random = own_generator()
    return CellSearch(supernet, METHODS[str(values["Method"])](random))


def _cut(mixture: Mixture) -> Mixture:
    """Return the mixture whose weights are numbers: the architecture learns nothing from it."""
    return replace(mixture, weights=mixture.weights.detach())
