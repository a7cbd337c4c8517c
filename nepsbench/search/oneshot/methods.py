"""Which mixtures a supernet of NAS-Bench-201's cells is trained with, and what is learnt of them.

- DARTS: a softmax over all operations; its gradient by validation data, at the present weights
  (first order) or at weights one step further (second order: Liu et al., ICLR 2019, equations 5 to
  8).
- GDAS: one operation an edge, drawn by Gumbel's trick, through which gradients flow (Dong and Yang,
  CVPR 2019). Operations that were not drawn get no gradient of their own.
- SETN: weights by cells that are drawn all alike, the architecture by the softmax over all
  operations; in the end cells are drawn from it and judged (Dong and Yang, ICCV 2019).
- ENAS: cells are drawn by a controller, which learns from the validation error of what it draws
  (Pham et al., ICML 2018); in the end cells are drawn and judged.
- Random search with shared parameters: one operation an edge, all alike; in the end cells are drawn
  and the best on validation data is taken (Li and Talwalkar, UAI 2019).

Constants are those of NAS-Bench-201's own searches (Dong and Yang, ICLR 2020; AutoDL-Projects).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from nepsbench.search.oneshot.controller import Controller, reinforce
from nepsbench.search.oneshot.mixture import SHAPE, Mixture, cell_of, hard, soft
from nepsbench.search.oneshot.supernet import Supernet
from nepsbench.spaces.cells import Cell
from nepsbench.spaces.networks.searching import Batch, Lesson

#: Of a mixture: an error on validation data, to be made small.
JudgeMixture = Callable[[Mixture], float]
#: A step of finite differences, in shares of the gradient's norm (DARTS, section 2.3).
_NUDGE = 0.01
#: What a softmax starts from: small differences, as published.
_START = 1e-3
#: Gumbel's temperature, at the start of the search and at its end.
_TEMPERATURES = (10.0, 0.1)
#: Cells that are drawn and judged in the end, where a method does.
JUDGED = 100


class Method(nn.Module, ABC):
    """A method of search; its parameters are what it learns of the architecture."""

    @abstractmethod
    def mixture(self, progress: float, random: torch.Generator) -> Mixture:
        """Return what a step of the weights is made with; gradients flow to what is learnt.

        Args:
            progress: The part of the search that is over, 0 to 1.
            random: For draws.
        """

    def learn(self, supernet: Supernet, lesson: Lesson) -> None:
        """Set the gradient of what is learnt: by default that of the validation loss."""
        loss = _loss(supernet, lesson, lesson.valid, self._lesson_mixture(lesson))
        set_gradients([*self.parameters()], loss)

    def _lesson_mixture(self, lesson: Lesson) -> Mixture:
        return self.mixture(lesson.progress, lesson.random)

    @abstractmethod
    def derive(self, judge: JudgeMixture, random: torch.Generator) -> Cell:
        """Return the cell that was found."""

    def best(self) -> list[int] | None:
        """Return the operations that are held for best now; None where only a judge can tell."""
        return None


class _Logits(Method):
    """A method that learns logits of the operations of each edge: ``alpha``, shape (6, 5)."""

    def __init__(self, random: torch.Generator) -> None:
        super().__init__()
        self.alpha = nn.Parameter(_START * torch.randn(SHAPE, generator=random))

    def best(self) -> list[int]:
        chosen: list[int] = self.alpha.argmax(dim=1).tolist()
        return chosen

    def derive(self, judge: JudgeMixture, random: torch.Generator) -> Cell:
        del judge, random
        return cell_of(self.best())


class Darts(_Logits):
    """First order."""

    def mixture(self, progress: float, random: torch.Generator) -> Mixture:
        """Return the softmax of the logits."""
        del progress, random
        return soft(self.alpha.softmax(dim=1))


class DartsSecondOrder(Darts):
    """The gradient at the weights that one more step would lead to."""

    def learn(self, supernet: Supernet, lesson: Lesson) -> None:
        """Set the gradient through the step; the product with the Hessian by differences."""
        weights = dict(supernet.named_parameters())
        ahead = self._ahead(supernet, lesson, weights)
        loss = self._loss_at(supernet, ahead, lesson, lesson.valid)
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
            loss = self._loss_at(supernet, moved, lesson, lesson.train)
            sides.append(torch.autograd.grad(loss, (self.alpha,))[0])
        rate = lesson.optimizer.param_groups[0]["lr"]
        self.alpha.grad = of_alpha - rate * (sides[0] - sides[1]) / (2 * nudge)

    def _ahead(
        self, supernet: Supernet, lesson: Lesson, weights: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Return the weights after one step of the optimiser, by the training loss."""
        group = lesson.optimizer.param_groups[0]
        loss = _loss(supernet, lesson, lesson.train, self._lesson_mixture(lesson))
        gradients = torch.autograd.grad(loss, tuple(weights.values()))
        found = {}
        for (name, weight), gradient in zip(weights.items(), gradients, strict=True):
            moment = lesson.optimizer.state.get(weight, {}).get("momentum_buffer")
            change = gradient + group["weight_decay"] * weight
            if moment is not None:
                change = change + group["momentum"] * moment
            found[name] = (weight - group["lr"] * change).detach().requires_grad_()
        return found

    def _loss_at(
        self, supernet: Supernet, weights: dict[str, Tensor], lesson: Lesson, batch: Batch
    ) -> Tensor:
        inputs, targets = batch
        mixture = self._lesson_mixture(lesson)
        outputs: Tensor = functional_call(supernet, weights, (inputs, mixture))
        return lesson.loss(outputs, targets)


class Gdas(_Logits):
    """One operation an edge, drawn."""

    def mixture(self, progress: float, random: torch.Generator) -> Mixture:
        """Return a draw; the lower the temperature, the nearer to one operation its gradient."""
        first, last = _TEMPERATURES
        temperature = first + (last - first) * progress
        exponential = torch.empty(SHAPE).exponential_(generator=random)
        soft_weights = ((self.alpha.log_softmax(1) - exponential.log()) / temperature).softmax(1)
        choices = soft_weights.argmax(dim=1)
        one_hot = F.one_hot(choices, SHAPE[1]).to(soft_weights.dtype)
        return hard(choices.tolist(), one_hot - soft_weights.detach() + soft_weights)


class Setn(_Logits):
    """Weights by draws that are all alike, logits by the mixture of all operations."""

    def mixture(self, progress: float, random: torch.Generator) -> Mixture:
        """Return a draw, all alike."""
        del progress
        return _drawn_alike(random)

    def _lesson_mixture(self, lesson: Lesson) -> Mixture:
        del lesson
        return soft(self.alpha.softmax(dim=1))

    def derive(self, judge: JudgeMixture, random: torch.Generator) -> Cell:
        """Return the best of some cells that are drawn by the softmax of the logits."""

        def draw() -> list[int]:
            chosen = torch.multinomial(self.alpha.detach().softmax(1), 1, generator=random)
            drawn: list[int] = chosen.flatten().tolist()
            return drawn

        return _best_of([draw() for _ in range(JUDGED)], judge)


class Enas(Method):
    """Cells by a controller, which learns from what its cells are worth."""

    def __init__(self, random: torch.Generator) -> None:
        super().__init__()
        self.controller = Controller((SHAPE[1],) * SHAPE[0], random=random)

    def mixture(self, progress: float, random: torch.Generator) -> Mixture:
        """Return what the controller draws."""
        del progress
        return hard(self.controller.draw(random).choices)

    def learn(self, supernet: Supernet, lesson: Lesson) -> None:
        """Set the controller's gradient by the validation loss of one cell that it draws."""

        def reward(choices: list[int]) -> float:
            with torch.no_grad():
                return -float(_loss(supernet, lesson, lesson.valid, hard(choices)))

        reinforce(self.controller, reward, lesson.random)

    def derive(self, judge: JudgeMixture, random: torch.Generator) -> Cell:
        """Return the best of some cells that the controller draws."""
        with torch.no_grad():
            drawn = [self.controller.draw(random).choices for _ in range(JUDGED)]
        return _best_of(drawn, judge)


class RandomSharing(Method):
    """One operation an edge, all alike; nothing is learnt but the weights."""

    def __init__(self, random: torch.Generator) -> None:
        super().__init__()
        del random

    def mixture(self, progress: float, random: torch.Generator) -> Mixture:
        """Return a draw."""
        del progress
        return _drawn_alike(random)

    def derive(self, judge: JudgeMixture, random: torch.Generator) -> Cell:
        """Return the best of some cells that are drawn."""
        drawn = [_drawn_alike(random) for _ in range(JUDGED)]
        return _best_of([[choice for (choice,) in mixture.active] for mixture in drawn], judge)


METHODS: dict[str, type[_Logits | Enas | RandomSharing]] = {
    "darts": Darts,
    "darts_second_order": DartsSecondOrder,
    "gdas": Gdas,
    "setn": Setn,
    "enas": Enas,
    "random_sharing": RandomSharing,
}


def set_gradients(parameters: list[nn.Parameter], loss: Tensor) -> None:
    """Set the gradients of parameters to those of a loss, and no other's.

    A draw without a path from input to output says nothing of the architecture.
    """
    found = torch.autograd.grad(loss, parameters, allow_unused=True)
    for parameter, gradient in zip(parameters, found, strict=True):
        parameter.grad = torch.zeros_like(parameter) if gradient is None else gradient


def _loss(supernet: Supernet, lesson: Lesson, batch: Batch, mixture: Mixture) -> Tensor:
    inputs, targets = batch
    return lesson.loss(supernet(inputs, mixture), targets)


def _drawn_alike(random: torch.Generator) -> Mixture:
    return hard(torch.randint(SHAPE[1], SHAPE[:1], generator=random).tolist())


def _best_of(drawn: list[list[int]], judge: JudgeMixture) -> Cell:
    return cell_of(min(drawn, key=lambda choices: judge(hard(choices))))
