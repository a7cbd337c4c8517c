"""``oneshot_amber``: AMBER, a controller that draws networks for sequences and learns their worth.

All networks share the weights of one; the controller is rewarded by the validation loss of what it
draws. Unlike AMBER's, which is rewarded by an area under a curve and learns by proximal policy
optimisation, it learns by REINFORCE with a moving baseline, as ENAS does.
Source: Zhang et al., AMBER (Nature Machine Intelligence 2021); NAS-Bench-360, ``AMBER/examples``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from nepsbench.search.oneshot.controller import Controller, reinforce
from nepsbench.spaces import amber
from nepsbench.spaces.networks.amber import LayeredNetwork, all_operations
from nepsbench.spaces.networks.searching import (
    FoundArchitecture,
    Judge,
    Lesson,
    Searching,
    own_generator,
)
from nepsbench.spaces.oneshot import AMBER
from nepsbench.spaces.parameters import Scalar
from nepsbench.spaces.problem import Problem

#: Networks that are drawn and judged in the end.
_JUDGED = 100
#: What each layer decides, as the controller draws it: its operation, then its connections.
_SIZES = tuple(
    size
    for layer in range(amber.LAYERS)
    for size in (len(amber.OPERATIONS), *(2 for k, _ in amber.SKIPS if k == layer))
)


class AmberSearch(Searching):
    """The network of all networks, and the controller."""

    def __init__(self, problem: Problem, *, width: int, random: torch.Generator) -> None:
        super().__init__()
        sources: list[list[int]] = [[] for _ in range(amber.LAYERS)]
        for layer, source in amber.SKIPS:
            sources[layer].append(source)
        self.network = LayeredNetwork(
            problem, width=width, operations=all_operations(), sources=sources
        )
        self.controller = Controller(_SIZES, random=random)
        self._choices = [0] * len(_SIZES)

    def architecture(self) -> list[nn.Parameter]:
        """Return the controller's weights."""
        return [*self.controller.parameters()]

    def draw(self, progress: float, random: torch.Generator) -> None:
        """Let the controller draw what the next step computes."""
        del progress
        with torch.no_grad():
            self._choices = self.controller.draw(random).choices

    def learn(self, lesson: Lesson) -> None:
        """Set the controller's gradients by the validation loss of what it draws."""
        inputs, targets = lesson.valid

        def reward(choices: list[int]) -> float:
            self._choices = choices
            with torch.no_grad():
                return -float(lesson.loss(self(inputs), targets))

        reinforce(self.controller, reward, lesson.random)

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (sequences, channels, length) to (sequences, outputs) by what was drawn last."""
        return self.network.computed(inputs, *_parts(self._choices))

    def found(self, judge: Judge, random: torch.Generator) -> FoundArchitecture:
        """Return the best of some networks that the controller draws."""
        best, least = self._choices, float("inf")
        with torch.no_grad():
            for _ in range(_JUDGED):
                self._choices = self.controller.draw(random).choices
                error = judge()
                if error < least:
                    best, least = self._choices, error
        return FoundArchitecture(amber.SPACE.name, amber.from_parts(*_parts(best)))


def _parts(choices: Sequence[int]) -> tuple[list[str], list[list[int]]]:
    """Return operations and connections, from what a controller drew."""
    left = iter(choices)
    operations, sources = [], []
    for layer in range(amber.LAYERS):
        operations.append(amber.OPERATIONS[next(left)])
        sources.append([source for k, source in amber.SKIPS if k == layer and next(left)])
    return operations, sources


def build(configuration: Mapping[str, Scalar], problem: Problem) -> AmberSearch:
    """Return the network that ``configuration`` searches.

    Raises:
        InvalidConfigurationError: If the configuration is not in the space.
    """
    values = AMBER.validate(configuration)
    random = own_generator()
    return AmberSearch(problem, width=int(values["Width"]), random=random)
