"""NePS's optimisers of whole trainings, by its own ask-and-tell."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

# First, since it says in one line where NePS is not installed.
from nepsbench.client.adapters.neps import pipeline_space
from nepsbench.errors import InvalidConfigurationError, SpecError
from nepsbench.search.candidates import Codes
from nepsbench.search.optimiser import Optimiser, Outcome, Problem, Suggestion
from nepsbench.spaces import Categorical, Space

# isort: split
import torch
from neps.optimizers.algorithms import (
    PredefinedOptimizers,
    convert_neps_to_classic_search_space,
)
from neps.optimizers.ask_and_tell import AskAndTell

#: NePS knows no constraints: so many suggestions outside the space are told to have failed.
_TRIES = 50
#: Its name here and there, and whether it takes the older kind of space.
_ALGORITHMS = {
    "bayesian_optimization": ("bayesian_optimization", True),
    "regularized_evolution": ("neps_regularized_evolution", False),
    "random_search": ("random_search", True),
}


class Neps(Optimiser):
    """An algorithm with its defaults.

    Args:
        problem: What is to be solved.
        seed: Of its draws.
        algorithm: ``bayesian_optimization``, ``regularized_evolution`` or ``random_search``.
    """

    def __init__(
        self, problem: Problem, seed: int, *, algorithm: str = "bayesian_optimization"
    ) -> None:
        super().__init__(problem, seed)
        if algorithm not in _ALGORITHMS:
            known = ", ".join(_ALGORITHMS)
            raise SpecError(f"neps: no algorithm {algorithm!r}; choose one of {known}")
        name, is_classic = _ALGORITHMS[algorithm]
        self._space = problem.candidates.space
        space = pipeline_space(self)
        self._globals = _seeded(seed)
        with self._own_draws():
            chosen = convert_neps_to_classic_search_space(space) if is_classic else space
            self._study = AskAndTell(PredefinedOptimizers[name](chosen))
        self._trials: dict[int, str] = {}
        self._worst = 0.0

    @property
    def space(self) -> Space:
        """The space, as an adapter asks for it."""
        return self._space

    def ask(self) -> Suggestion:
        """Return what the algorithm suggests."""
        for _ in range(_TRIES):
            with self._own_draws():
                trial = self._study.ask()
            codes = self._codes(trial.config)
            if codes is not None:
                suggestion = self.suggest(codes)
                self._trials[suggestion.number] = trial.metadata.id
                return suggestion
            self._tell(trial.metadata.id, self._worst)
        return self.suggest(self.candidates.draw(self.draws))

    def tell(self, suggestion: Suggestion, outcome: Outcome) -> None:
        """Tell the algorithm; what failed is as bad as the worst that did not."""
        if math.isfinite(outcome.error):
            self._worst = max(self._worst, outcome.error)
        error = outcome.error if math.isfinite(outcome.error) else self._worst
        trial = self._trials.pop(suggestion.number, None)
        if trial is not None:
            self._tell(trial, error)

    def _tell(self, trial: str, error: float) -> None:
        with self._own_draws():
            self._study.tell(trial, error)

    @contextmanager
    def _own_draws(self) -> Iterator[None]:
        """Give the library generators of its own: it draws from those of the process."""
        outside = _states()
        _set_states(self._globals)
        try:
            yield
        finally:
            self._globals = _states()
            _set_states(outside)

    def _codes(self, config: Mapping[str, Any]) -> Codes | None:
        try:
            return self.candidates.admit(self._space.encode(_plain(config, self._space)))
        except InvalidConfigurationError:
            return None


def _plain(config: Mapping[str, Any], space: Space) -> dict[str, Any]:
    """Return a configuration by the parameters' names.

    Where NePS resolves a space, a key is ``SAMPLING__Resolvable.<name>::<kind>``, and a choice is
    told by its place.
    """
    found = {}
    for key, value in config.items():
        name, resolved, _ = key.rpartition("Resolvable.")[2].partition("::")
        parameter = space.parameter(name)
        if resolved and isinstance(parameter, Categorical):
            value = parameter.choices[value]
        found[name] = value
    return found


def _seeded(seed: int) -> tuple[Any, Any, Any]:
    """Return the states of the process's three generators after seeding them."""
    legacy = np.random.RandomState(seed % 2**32)
    of_torch = torch.Generator().manual_seed(seed).get_state()
    return random.Random(seed).getstate(), legacy.get_state(), of_torch


def _states() -> tuple[Any, Any, Any]:
    return random.getstate(), np.random.get_state(), torch.get_rng_state()


def _set_states(states: tuple[Any, Any, Any]) -> None:
    random.setstate(states[0])
    np.random.set_state(states[1])
    torch.set_rng_state(states[2])
