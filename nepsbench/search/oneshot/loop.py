"""The search loop: for each training batch a step of the architecture, then one of the weights.

As in training, what an epoch computes depends only on the state before it and on (seed, epoch).
Training data moves the weights, validation data the architecture; test data is not looked at.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import torch
from torch import Tensor, nn

from nepsbench.errors import CorruptedFileError
from nepsbench.search.oneshot.methods import Batch, Method, Step, make_method
from nepsbench.search.oneshot.mixture import Mixture
from nepsbench.search.oneshot.recipe import SearchRecipe
from nepsbench.search.oneshot.supernet import Supernet
from nepsbench.spaces.cells import Cell
from nepsbench.spaces.problem import Problem
from nepsbench.training.loop import DivergedError, Interrupted
from nepsbench.training.objective import loss_function
from nepsbench.training.randomness import derived_seed, generator, global_generator
from nepsbench.training.trial_data import TrialData

Metrics = dict[str, float]


@dataclass
class SearchState:
    """What changes in a search.

    Attributes:
        supernet: The network of all cells.
        optimizer: Of its weights.
        method: With what it has learnt of the architecture.
        architect: The architecture's optimiser; None where nothing is learnt.
        epoch: The last epoch that is done.
    """

    supernet: Supernet
    optimizer: torch.optim.SGD
    method: Method
    architect: torch.optim.Adam | None
    epoch: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return what a checkpoint holds."""
        return {
            "supernet": self.supernet.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "alpha": self.method.alpha,
            "architect": self.architect and self.architect.state_dict(),
            "epoch": self.epoch,
        }

    def load(self, content: dict[str, Any]) -> None:
        """Become what :meth:`to_dict` told.

        Raises:
            CorruptedFileError: If it is of another search.
        """
        try:
            self.supernet.load_state_dict(content["supernet"])
            self.optimizer.load_state_dict(content["optimizer"])
            if self.method.alpha is not None and self.architect is not None:
                with torch.no_grad():
                    self.method.alpha.copy_(content["alpha"])
                self.architect.load_state_dict(content["architect"])
            self.epoch = int(content["epoch"])
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            line = str(error).partition("\n")[0]
            raise CorruptedFileError(f"a search cannot go on from its checkpoint: {line}") from None


def initial_state(name: str, recipe: SearchRecipe, problem: Problem, *, seed: int) -> SearchState:
    """Return the state before epoch 1; it derives from ``seed`` alone.

    Raises:
        SpecError: If there is no such method.
    """
    with global_generator(seed, "supernet"):
        supernet = Supernet(problem, width=recipe.width, depth=recipe.depth)
    supernet = supernet.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    method = make_method(name, recipe, generator(seed, "architecture"))
    optimizer = torch.optim.SGD(
        supernet.parameters(),
        lr=recipe.rate,
        momentum=recipe.momentum,
        nesterov=True,
        weight_decay=recipe.decay,
    )
    architect = None
    if method.alpha is not None:
        architect = torch.optim.Adam(
            [method.alpha],
            lr=recipe.architecture_rate,
            betas=recipe.architecture_betas,
            weight_decay=recipe.architecture_decay,
        )
    return SearchState(supernet, optimizer, method, architect)


def search_epochs(
    state: SearchState,
    data: TrialData,
    recipe: SearchRecipe,
    *,
    seed: int,
    until: int,
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[Metrics]:
    """Search up to epoch ``until``; yield each epoch's mean losses once it is done.

    Where an architecture is learnt, ``entropy`` tells how undecided it is.

    Args:
        state: Of the last epoch that is done; changed in place.
        data: What to search on.
        recipe: Constants.
        seed: Of the order of data, augmentation and draws.
        until: The last epoch.
        stopped: Asked before each batch.

    Raises:
        DivergedError: If a loss is not finite.
        Interrupted: If ``stopped`` said yes; ``state`` is of no more use then.
    """
    loss = loss_function(data.task)
    while state.epoch < until:
        epoch = state.epoch + 1
        for group in state.optimizer.param_groups:
            group["lr"] = rate(recipe, epoch)
        random = generator(seed, "mixtures", epoch)
        state.supernet.train()
        totals, steps = {"train_loss": 0.0, "valid_loss": 0.0}, 0
        pairs = zip(
            data.training_batches(seed=seed, epoch=epoch), _of_validation(data, seed, epoch),
            strict=False,
        )  # fmt: skip
        for steps, (train, valid) in enumerate(pairs, start=1):
            if stopped():
                raise Interrupted
            progress = (epoch - 1 + (steps - 1) / data.steps) / recipe.epochs
            step = Step(state.supernet, state.optimizer, loss, train, valid, progress, random)
            for name, value in _stepped(state, step).items():
                totals[name] += value
        if not all(math.isfinite(total) for total in totals.values()):
            raise DivergedError(f"a loss of epoch {epoch} is no number")
        state.epoch = epoch
        means = {name: total / steps for name, total in totals.items()}
        alpha = state.method.alpha
        yield means if alpha is None else {**means, "entropy": _entropy(alpha.detach())}


def rate(recipe: SearchRecipe, epoch: int) -> float:
    """Return the weights' rate in an epoch, from 1: a cosine."""
    share = (epoch - 1) / recipe.epochs
    return (
        recipe.least_rate + (recipe.rate - recipe.least_rate) * (1 + math.cos(math.pi * share)) / 2
    )


def derived_cell(state: SearchState, data: TrialData, *, seed: int) -> Cell:
    """Return the cell that the search has found so far; the state stays as it is."""
    loss = loss_function(data.task)
    inputs, targets = next(_of_validation(data, seed, state.epoch + 1))

    def judge(mixture: Mixture) -> float:
        with torch.no_grad():
            return float(loss(state.supernet(inputs, mixture), targets))

    return state.method.derive(judge, generator(seed, "derivation", state.epoch))


def _stepped(state: SearchState, step: Step) -> Metrics:
    """Make both steps; returns the loss of each."""
    found = {}
    if state.architect is not None:
        state.method.learn(step)
        state.architect.step()
    with torch.no_grad():
        found["valid_loss"] = float(step.loss_of(step.valid, _now(state, step)))
    loss = step.loss_of(step.train, _now(state, step))
    state.optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(state.supernet.parameters(), state.method.recipe.clip_norm)
    state.optimizer.step()
    return {**found, "train_loss": float(loss.detach())}


def _now(state: SearchState, step: Step) -> Mixture:
    """Return a mixture whose weights are numbers: the architecture learns from validation alone."""
    mixture = state.method.mixture(step.progress, step.random)
    return replace(mixture, weights=mixture.weights.detach())


def _of_validation(data: TrialData, seed: int, epoch: int) -> Iterator[Batch]:
    """Yield batches of validation data, shuffled and augmented as training data is, for ever."""
    own = replace(data, train=data.valid)
    of_epoch = derived_seed(seed, "validation", epoch)
    for number in count():
        yield from own.training_batches(seed=of_epoch, epoch=number)


def _entropy(alpha: Tensor) -> float:
    """Return the mean entropy of the edges' choices, in nats: 0 when all is decided."""
    logs = alpha.log_softmax(1)
    return float(-(logs.exp() * logs).sum(1).mean())
