"""REINFORCE: a policy of independent choices, moved towards what did better than usual.

Source: Williams, Simple statistical gradient-following algorithms for connectionist reinforcement
learning (1992), as NAS-Bench-201 and NAS-HPO-Bench-II run it: Adam with a learning rate of 0.01, a
baseline that forgets by 0.9.
"""

from __future__ import annotations

import math

import numpy as np

from nepsbench.search.candidates import Codes, from_unit, to_unit
from nepsbench.search.optimiser import Optimiser, Outcome, Problem, Suggestion
from nepsbench.spaces import Categorical
from nepsbench.spaces.parameters import FloatArray

#: Equal parts of a real parameter's range; the policy chooses one, and any value in it.
_PARTS = 10
#: Samples of the policy that are tried before a configuration is drawn instead.
_TRIES = 100


class Reinforce(Optimiser):
    """A softmax for each parameter, trained one outcome at a time.

    Args:
        problem: What is to be solved.
        seed: Of its draws.
        learning_rate: Adam's.
        momentum: How much of the baseline stays with every reward.
    """

    def __init__(
        self, problem: Problem, seed: int, *, learning_rate: float = 0.01, momentum: float = 0.9
    ) -> None:
        super().__init__(problem, seed)
        self._parameters = [
            (k, problem.candidates.space.parameters[k]) for k in self.candidates.free
        ]
        sizes = [len(p.choices) if isinstance(p, Categorical) else _PARTS
                 for _, p in self._parameters]  # fmt: skip
        self._logits = np.full((len(sizes), max(sizes)), -np.inf)
        for row, size in zip(self._logits, sizes, strict=True):
            row[:size] = 0.0
        self._adam = Adam(self._logits.shape, learning_rate)
        self._momentum = momentum
        self._baseline, self._weight = 0.0, 0.0
        self._worst = -math.inf

    def ask(self) -> Suggestion:
        """Return a sample of the policy."""
        policy = softmax(self._logits).tolist()
        for _ in range(_TRIES):
            codes = list(self.candidates.draw(self.draws))
            for (place, parameter), weights in zip(self._parameters, policy, strict=True):
                part = self.draws.weighted(weights)
                codes[place] = (
                    float(part)
                    if isinstance(parameter, Categorical)
                    else from_unit(parameter, (part + self.draws.uniform()) / _PARTS)
                )
            found = self.candidates.admit(codes)
            if found is not None:
                return self.suggest(found)
        return self.suggest(self.candidates.draw(self.draws))

    def tell(self, suggestion: Suggestion, outcome: Outcome) -> None:
        """Move the policy by the gradient of the choices' likelihood, times the advantage."""
        if math.isfinite(outcome.error):
            self._worst = max(self._worst, outcome.error)
        reward = -outcome.error if math.isfinite(outcome.error) else -self._worst
        if not math.isfinite(reward):
            return  # nothing to compare the first failures with
        self._baseline = self._momentum * self._baseline + (1 - self._momentum) * reward
        self._weight = self._momentum * self._weight + (1 - self._momentum)
        advantage = reward - self._baseline / self._weight
        gradient = softmax(self._logits)
        gradient[np.arange(len(self._parameters)), self._choices(suggestion.codes)] -= 1.0
        self._logits -= self._adam.step(gradient * advantage)

    def _choices(self, codes: Codes) -> list[int]:
        return [
            int(codes[place])
            if isinstance(parameter, Categorical)
            else min(int(to_unit(parameter, codes[place]) * _PARTS), _PARTS - 1)
            for place, parameter in self._parameters
        ]


class Adam:
    """Adam's steps (Kingma and Ba, ICLR 2015), with its published defaults."""

    def __init__(self, shape: tuple[int, ...], learning_rate: float) -> None:
        self._rate, self._steps = learning_rate, 0
        self._mean, self._square = np.zeros(shape), np.zeros(shape)

    def step(self, gradient: FloatArray) -> FloatArray:
        """Return what is to be taken off the parameters."""
        self._steps += 1
        self._mean = 0.9 * self._mean + 0.1 * gradient
        self._square = 0.999 * self._square + 0.001 * gradient**2
        mean = self._mean / (1 - 0.9**self._steps)
        square = self._square / (1 - 0.999**self._steps)
        found: FloatArray = self._rate * mean / (np.sqrt(square) + 1e-8)
        return found


def softmax(logits: FloatArray) -> FloatArray:
    """Return the probabilities of each row."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    found: FloatArray = powers / powers.sum(axis=1, keepdims=True)
    return found
