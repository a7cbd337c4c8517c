"""Which mixtures a supernet is trained with, and what is learnt of the architecture.

- DARTS: a softmax over all operations; its gradient by validation data, at the present weights
  (first order) or at weights one step further (second order: Liu et al., ICLR 2019, equations 5 to
  8).
- GDAS: one operation an edge, drawn by Gumbel's trick, through which gradients flow (Dong and Yang,
  CVPR 2019). Operations that were not drawn get no gradient of their own.
- Random search with shared parameters: one operation an edge, all alike; in the end cells are drawn
  and the best on validation data is taken (Li and Talwalkar, UAI 2019).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call

from nepsbench.errors import SpecError
from nepsbench.search.oneshot.mixture import SHAPE, Mixture, cell_of, hard, soft
from nepsbench.search.oneshot.recipe import SearchRecipe
from nepsbench.search.oneshot.supernet import Supernet
from nepsbench.spaces.cells import Cell

Batch = tuple[Tensor, Tensor]
Loss = Callable[[Tensor, Tensor], Tensor]
#: Of a cell: an error on validation data, to be made small.
Judge = Callable[[Mixture], float]
#: A step of finite differences, in shares of the gradient's norm (DARTS, section 2.3).
_NUDGE = 0.01
#: What a softmax starts from: small differences, as published.
_START = 1e-3


@dataclass(frozen=True)
class Step:
    """What an architecture step knows.

    Attributes:
        supernet: The network.
        optimizer: Of its weights; tells rate, momentum and decay.
        loss: Of outputs and targets.
        train: A batch of training data.
        valid: One of validation data.
        progress: The part of the search that is over, 0 to 1.
        random: For draws.
    """

    supernet: Supernet
    optimizer: torch.optim.SGD
    loss: Loss
    train: Batch
    valid: Batch
    progress: float
    random: torch.Generator

    def loss_of(self, batch: Batch, mixture: Mixture) -> Tensor:
        """Return the loss of a batch."""
        inputs, targets = batch
        return self.loss(self.supernet(inputs, mixture), targets)


class Method(ABC):
    """A method of search.

    Args:
        recipe: Its constants.
        random: For what it starts from.

    Attributes:
        alpha: Logits of the operations of each edge, shape (6, 5); None where nothing is learnt.
    """

    def __init__(self, recipe: SearchRecipe, random: torch.Generator) -> None:
        self.recipe = recipe
        self.alpha: Tensor | None = (_START * torch.randn(SHAPE, generator=random)).requires_grad_()

    @abstractmethod
    def mixture(self, progress: float, random: torch.Generator) -> Mixture:
        """Return what a step of the weights is made with."""

    def learn(self, step: Step) -> None:
        """Set the gradient of ``alpha``: by default that of the validation loss."""
        assert self.alpha is not None
        loss = step.loss_of(step.valid, self.mixture(step.progress, step.random))
        # A draw without a path from input to output says nothing of the architecture.
        (found,) = torch.autograd.grad(loss, (self.alpha,), allow_unused=True)
        self.alpha.grad = torch.zeros_like(self.alpha) if found is None else found

    def derive(self, judge: Judge, random: torch.Generator) -> Cell:
        """Return the cell that was found."""
        del judge, random
        assert self.alpha is not None
        return cell_of(self.alpha.argmax(dim=1).tolist())


class Darts(Method):
    """First order."""

    def mixture(self, progress: float, random: torch.Generator) -> Mixture:
        """Return the softmax of the logits."""
        del progress, random
        assert self.alpha is not None
        return soft(self.alpha.softmax(dim=1))


class DartsSecondOrder(Darts):
    """The gradient at the weights that one more step would lead to."""

    def learn(self, step: Step) -> None:
        """Set the gradient through the step; the product with the Hessian by differences."""
        assert self.alpha is not None
        weights = dict(step.supernet.named_parameters())
        ahead = self._ahead(step, weights)
        loss = self._loss_at(ahead, step, step.valid)
        found = torch.autograd.grad(loss, (self.alpha, *ahead.values()))
        of_alpha, of_weights = found[0], found[1:]
        norm = torch.stack([each.norm() for each in of_weights]).norm()
        nudge = _NUDGE / float(norm) if norm > 0 else 0.0
        if not nudge:
            self.alpha.grad = of_alpha
            return
        sides = []
        for sign in (nudge, -nudge):
            moved = {
                name: (weight + sign * gradient).detach()
                for (name, weight), gradient in zip(weights.items(), of_weights, strict=True)
            }
            loss = self._loss_at(moved, step, step.train)
            sides.append(torch.autograd.grad(loss, (self.alpha,))[0])
        rate = step.optimizer.param_groups[0]["lr"]
        self.alpha.grad = of_alpha - rate * (sides[0] - sides[1]) / (2 * nudge)

    def _ahead(self, step: Step, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the weights after one step of the optimiser, by the training loss."""
        group = step.optimizer.param_groups[0]
        loss = step.loss_of(step.train, self.mixture(step.progress, step.random))
        gradients = torch.autograd.grad(loss, tuple(weights.values()))
        found = {}
        for (name, weight), gradient in zip(weights.items(), gradients, strict=True):
            moment = step.optimizer.state.get(weight, {}).get("momentum_buffer")
            change = gradient + group["weight_decay"] * weight
            if moment is not None:
                change = change + group["momentum"] * moment
            found[name] = (weight - group["lr"] * change).detach().requires_grad_()
        return found

    def _loss_at(self, weights: dict[str, Tensor], step: Step, batch: Batch) -> Tensor:
        inputs, targets = batch
        mixture = self.mixture(step.progress, step.random)
        outputs: Tensor = functional_call(step.supernet, weights, (inputs, mixture))
        return step.loss(outputs, targets)


class Gdas(Method):
    """One operation an edge, drawn."""

    def mixture(self, progress: float, random: torch.Generator) -> Mixture:
        """Return a draw; the lower the temperature, the nearer to one operation its gradient."""
        assert self.alpha is not None
        first, last = self.recipe.temperatures
        temperature = first + (last - first) * progress
        exponential = torch.empty(SHAPE).exponential_(generator=random)
        soft_weights = ((self.alpha.log_softmax(1) - exponential.log()) / temperature).softmax(1)
        choices = soft_weights.argmax(dim=1)
        one_hot = F.one_hot(choices, SHAPE[1]).to(soft_weights.dtype)
        return hard(choices.tolist(), one_hot - soft_weights.detach() + soft_weights)


class RandomSharing(Method):
    """One operation an edge, all alike; nothing is learnt but the weights."""

    def __init__(self, recipe: SearchRecipe, random: torch.Generator) -> None:
        super().__init__(recipe, random)
        self.alpha = None

    def mixture(self, progress: float, random: torch.Generator) -> Mixture:
        """Return a draw."""
        del progress
        return hard(torch.randint(SHAPE[1], SHAPE[:1], generator=random).tolist())

    def derive(self, judge: Judge, random: torch.Generator) -> Cell:
        """Return the best of some cells that are drawn."""
        drawn = [self.mixture(1.0, random) for _ in range(self.recipe.judged)]
        best = min(drawn, key=judge)
        return cell_of([choice for (choice,) in best.active])


_METHODS: dict[str, type[Method]] = {
    "darts": Darts,
    "darts_second_order": DartsSecondOrder,
    "gdas": Gdas,
    "random_sharing": RandomSharing,
}


def method_names() -> tuple[str, ...]:
    """Return the names of all methods."""
    return tuple(_METHODS)


def check_method(name: str) -> None:
    """Refuse the name of no method.

    Raises:
        SpecError: If there is no such method.
    """
    if name not in _METHODS:
        raise SpecError(f"no one-shot method {name!r}; choose one of {', '.join(_METHODS)}")


def make_method(name: str, recipe: SearchRecipe, random: torch.Generator) -> Method:
    """Return a method before its first step.

    Raises:
        SpecError: If there is no such method.
    """
    check_method(name)
    return _METHODS[name](recipe, random)
