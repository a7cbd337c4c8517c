"""The other half of a search's training: what validation data teaches of the architecture.

For each step of the weights one of the architecture, on a batch of validation data that is shuffled
and augmented as training data is. What an epoch's steps draw depends on (seed, epoch) alone, so a
search is as exact as a training.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from itertools import count

import torch
from torch import nn

from nepsbench.errors import SpecError
from nepsbench.spaces.networks.searching import (
    Batch,
    FoundArchitecture,
    Lesson,
    Loss,
    Searching,
)
from nepsbench.training.divergence import refuse_divergence
from nepsbench.training.exponentiated import ExponentiatedGradient
from nepsbench.training.objective import loss_function
from nepsbench.training.randomness import derived_seed, generator
from nepsbench.training.recipe import Settings
from nepsbench.training.trial_data import TrialData


@dataclass(frozen=True)
class Architect:
    """What moves a network's architecture.

    Attributes:
        network: The network.
        optimizer: Of its architecture; None where nothing is learnt.
        warm_up: The part of the search in which only the weights move.
    """

    network: Searching
    optimizer: torch.optim.Optimizer | None
    warm_up: float

    def lessons(
        self,
        optimizer: torch.optim.Optimizer,
        data: TrialData,
        settings: Settings,
        *,
        seed: int,
        epoch: int,
    ) -> Lessons:
        """Return the lessons of an epoch; for the arguments see :class:`Lessons`."""
        return Lessons(
            architect=self,
            optimizer=optimizer,
            loss=loss_function(data.task),
            valid=_validation(data, seed, epoch),
            random=generator(seed, "architecture", epoch),
            epoch=epoch,
            begin=(epoch - 1) / settings.recipe.horizon,
            share=1 / settings.recipe.horizon,
        )

    def found(self, data: TrialData, *, seed: int, epoch: int) -> FoundArchitecture:
        """Return what was found up to an epoch; the state stays as it is."""
        # Judging moves running averages, and what a network computes: those of a copy.
        network, loss = deepcopy(self.network).train(), loss_function(data.task)
        inputs, targets = next(_validation(data, seed, epoch + 1))

        def judge() -> float:
            with torch.no_grad():
                return float(loss(network(inputs), targets))

        return network.found(judge, generator(seed, "derivation", epoch))


@dataclass(frozen=True)
class Lessons:
    """An epoch's steps of the architecture.

    Attributes:
        architect: Who makes them.
        optimizer: Of the weights.
        loss: Of outputs and targets.
        valid: Batches, for ever.
        random: For draws.
        epoch: Which it is.
        begin: The part of the search that was over when the epoch began.
        share: What an epoch adds to it.
    """

    architect: Architect
    optimizer: torch.optim.Optimizer
    loss: Loss
    valid: Iterator[Batch]
    random: torch.Generator
    epoch: int
    begin: float
    share: float

    def teach(self, train: Batch, *, done: float) -> None:
        """Move the architecture, then draw what the weights are moved by.

        Args:
            train: The batch that the weights will be moved by.
            done: The part of the epoch that is over, 0 to 1.

        Raises:
            DivergedError: If the architecture is not finite any more.
        """
        network, optimizer = self.architect.network, self.architect.optimizer
        progress = self.begin + done * self.share
        if optimizer is not None and progress >= self.architect.warm_up:
            valid = next(self.valid)
            network.learn(Lesson(self.optimizer, self.loss, train, valid, progress, self.random))
            optimizer.step()
            optimizer.zero_grad()
            learnt = (("the architecture's numbers", each) for each in network.architecture())
            refuse_divergence(learnt, epoch=self.epoch)
        network.draw(progress, self.random)


def new_architect(network: nn.Module, settings: Settings) -> Architect | None:
    """Return what moves the architecture; None for a network that is not searched.

    Raises:
        SpecError: If the network is searched, and the recipe does not say how, or the other way.
    """
    chosen = settings.recipe.architecture
    if not isinstance(network, Searching):
        if chosen is not None:
            raise SpecError(
                f"recipe {settings.recipe.label} searches an architecture; this space's networks "
                "have theirs; choose another recipe"
            )
        return None
    if chosen is None:
        raise SpecError(
            f"recipe {settings.recipe.label} does not say how an architecture is searched; choose "
            "the space's own recipe"
        )
    parameters, rate = network.architecture(), settings.architecture_rate
    optimizer: torch.optim.Optimizer | None = None
    if parameters and chosen.kind == "exponentiated_gradient":
        optimizer = ExponentiatedGradient(parameters, lr=rate)
    elif parameters:
        optimizer = torch.optim.Adam(
            parameters, lr=rate, betas=chosen.betas, weight_decay=chosen.decay
        )
    return Architect(network, optimizer, chosen.warm_up)


def _validation(data: TrialData, seed: int, epoch: int) -> Iterator[Batch]:
    """Yield batches of validation data, for ever."""
    own = replace(data, train=data.valid)
    of_epoch = derived_seed(seed, "validation", epoch)
    for number in count():
        yield from own.training_batches(seed=of_epoch, epoch=number)
