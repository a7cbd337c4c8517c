"""Optimisers of libraries that are asked and told, and draw from the process's own generators.

Such a library knows no constraints: what it suggests outside the space is told to have failed.
"""

from __future__ import annotations

import math
import random
import sys
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np

from nepsbench.errors import InvalidConfigurationError
from nepsbench.search.candidates import Codes
from nepsbench.search.optimiser import Optimiser, Outcome, Problem, Suggestion

#: So many suggestions outside the space are told to have failed before one is drawn for it.
_TRIES = 50
#: Of Python's generator, numpy's and torch's; torch's is None while torch is not loaded.
_States: TypeAlias = tuple[Any, Any, Any]


class Borrowed(Optimiser):
    """What is the same for all such libraries; a subclass asks and tells its own.

    Args:
        problem: What is to be solved.
        seed: Of its draws.
    """

    def __init__(self, problem: Problem, seed: int) -> None:
        super().__init__(problem, seed)
        self._space = problem.candidates.space
        self._globals = _seeded(seed)
        self._trials: dict[int, Any] = {}
        self._worst = 0.0

    @abstractmethod
    def _suggested(self) -> tuple[Any, Mapping[str, Any]]:
        """Return a trial of the library, and its configuration."""

    @abstractmethod
    def _told(self, trial: Any, error: float) -> None:
        """Tell the library what became of a trial."""

    def ask(self) -> Suggestion:
        """Return what the library suggests."""
        for _ in range(_TRIES):
            with self._own_draws():
                trial, configuration = self._suggested()
            codes = self._codes(configuration)
            if codes is not None:
                suggestion = self.suggest(codes)
                self._trials[suggestion.number] = trial
                return suggestion
            self._tell(trial, self._worst)
        return self.suggest(self.candidates.draw(self.draws))

    def tell(self, suggestion: Suggestion, outcome: Outcome) -> None:
        """Tell the library; what failed is as bad as the worst that did not."""
        if math.isfinite(outcome.error):
            self._worst = max(self._worst, outcome.error)
        error = outcome.error if math.isfinite(outcome.error) else self._worst
        trial = self._trials.pop(suggestion.number, None)
        if trial is not None:
            self._tell(trial, error)

    def _tell(self, trial: Any, error: float) -> None:
        with self._own_draws():
            self._told(trial, error)

    @contextmanager
    def _own_draws(self) -> Iterator[None]:
        """Give the library generators of its own where it draws from those of the process."""
        outside = _states()
        _set_states(self._globals)
        try:
            yield
        finally:
            self._globals = _states()
            _set_states(outside)

    def _codes(self, configuration: Mapping[str, Any]) -> Codes | None:
        try:
            return self.candidates.admit(self._space.encode(configuration))
        except InvalidConfigurationError:
            return None


def _seeded(seed: int) -> _States:
    """Return the states of the process's generators after seeding them."""
    of_torch = None
    if torch := sys.modules.get("torch"):
        of_torch = torch.Generator().manual_seed(seed).get_state()
    legacy = np.random.RandomState(seed % 2**32)
    return random.Random(seed).getstate(), legacy.get_state(), of_torch


def _states() -> _States:
    torch = sys.modules.get("torch")
    return random.getstate(), np.random.get_state(), torch and torch.get_rng_state()


def _set_states(states: _States) -> None:
    random.setstate(states[0])
    np.random.set_state(states[1])
    if states[2] is not None:
        sys.modules["torch"].set_rng_state(states[2])
