"""What training asks of a network that is searched while it is trained.

Its parameters are of two kinds: *weights*, which training data moves, and the *architecture*, which
validation data moves. Before each step of the weights the network draws what it computes in it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nepsbench.spaces.space import Configuration

Batch = tuple[Tensor, Tensor]
Loss = Callable[[Tensor, Tensor], Tensor]
#: Tells an error of what the network computes now, on validation data: to be made small.
Judge = Callable[[], float]


@dataclass(frozen=True)
class Lesson:
    """What a step of the architecture knows.

    Attributes:
        optimizer: Of the weights; tells rate, momentum and decay.
        loss: Of outputs and targets.
        train: A batch of training data.
        valid: One of validation data.
        progress: The part of the search that is over, 0 to 1.
        random: For draws.
    """

    optimizer: torch.optim.Optimizer
    loss: Loss
    train: Batch
    valid: Batch
    progress: float
    random: torch.Generator


@dataclass(frozen=True)
class FoundArchitecture:
    """What a search found.

    Attributes:
        space: Where the architecture lies.
        configuration: It, in that space, all else by default.
    """

    space: str
    configuration: Configuration


class Searching(nn.Module, ABC):
    """A network that is searched while it is trained.

    In evaluation it computes what it holds for best so far, or drew last.
    """

    @abstractmethod
    def architecture(self) -> list[nn.Parameter]:
        """Return what validation data moves; nothing where nothing is learnt of it."""

    def weights(self) -> list[nn.Parameter]:
        """Return what training data moves."""
        learnt = {id(parameter) for parameter in self.architecture()}
        return [weight for weight in self.parameters() if id(weight) not in learnt]

    @abstractmethod
    def draw(self, progress: float, random: torch.Generator) -> None:
        """Choose what the next forward passes in training compute; no gradient leaves the weights.

        Args:
            progress: The part of the search that is over, 0 to 1.
            random: For draws.
        """

    @abstractmethod
    def learn(self, lesson: Lesson) -> None:
        """Set the gradients of the architecture."""

    @abstractmethod
    def found(self, judge: Judge, random: torch.Generator) -> FoundArchitecture:
        """Return the architecture that was found so far; the network is of no more use then.

        Args:
            judge: Of what the network would compute, if a method must see that to choose.
            random: For draws.
        """


def own_generator() -> torch.Generator:
    """Return a generator for what a search starts from, seeded by torch's global one."""
    return torch.Generator().manual_seed(int(torch.randint(2**62, ())))


def weights_of(network: nn.Module) -> list[nn.Parameter]:
    """Return what training data moves: of a network that is not searched, all parameters."""
    return network.weights() if isinstance(network, Searching) else [*network.parameters()]
