"""Syne Tune's schedulers of whole trainings, by its own ask-and-tell."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

# First, since it says in one line where Syne Tune is not installed.
from nepsbench.client.adapters.syne_tune import configuration_space
from nepsbench.errors import InvalidConfigurationError, SpecError
from nepsbench.search.candidates import Codes
from nepsbench.search.optimiser import Optimiser, Outcome, Problem, Suggestion

# isort: split
from syne_tune.optimizer import baselines
from syne_tune.optimizer.schedulers.ask_tell_scheduler import AskTellScheduler

#: Syne Tune knows no constraints: so many suggestions outside the space are told to have failed.
_TRIES = 50
_SCHEDULERS = ("REA", "TPE", "CQR", "BORE")


class SyneTune(Optimiser):
    """A scheduler with its defaults.

    Args:
        problem: What is to be solved.
        seed: Of its draws.
        scheduler: Its class, one of ``syne_tune.optimizer.baselines``.
    """

    def __init__(self, problem: Problem, seed: int, *, scheduler: str = "REA") -> None:
        super().__init__(problem, seed)
        if scheduler not in _SCHEDULERS:
            known = ", ".join(_SCHEDULERS)
            raise SpecError(f"syne_tune: no scheduler {scheduler!r}; choose one of {known}")
        self._space = problem.candidates.space
        kind = getattr(baselines, scheduler)
        self._globals = _seeded(seed)
        with self._own_draws():
            made = kind(configuration_space(self._space), metric="error", random_seed=seed)
        self._scheduler = AskTellScheduler(made)
        self._trials: dict[int, Any] = {}
        self._worst = 0.0

    def ask(self) -> Suggestion:
        """Return what the scheduler suggests."""
        for _ in range(_TRIES):
            with self._own_draws():
                trial = self._scheduler.ask()
            codes = self._codes(trial.config)
            if codes is not None:
                suggestion = self.suggest(codes)
                self._trials[suggestion.number] = trial
                return suggestion
            self._tell(trial, self._worst)
        return self.suggest(self.candidates.draw(self.draws))

    def tell(self, suggestion: Suggestion, outcome: Outcome) -> None:
        """Tell the scheduler; what failed is as bad as the worst that did not."""
        if math.isfinite(outcome.error):
            self._worst = max(self._worst, outcome.error)
        error = outcome.error if math.isfinite(outcome.error) else self._worst
        trial = self._trials.pop(suggestion.number, None)
        if trial is not None:
            self._tell(trial, error)

    def _tell(self, trial: Any, error: float) -> None:
        with self._own_draws():
            self._scheduler.tell(trial, {"error": error})

    @contextmanager
    def _own_draws(self) -> Iterator[None]:
        """Give the library generators of its own where it draws from those of the process."""
        outside = random.getstate(), np.random.get_state()
        _set_states(self._globals)
        try:
            yield
        finally:
            self._globals = random.getstate(), np.random.get_state()
            _set_states(outside)

    def _codes(self, configuration: dict[str, Any]) -> Codes | None:
        try:
            return self.candidates.admit(self._space.encode(configuration))
        except InvalidConfigurationError:
            return None


def _seeded(seed: int) -> tuple[Any, Any]:
    """Return the states of the process's two generators after seeding them."""
    legacy = np.random.RandomState(seed % 2**32)
    return random.Random(seed).getstate(), legacy.get_state()


def _set_states(states: tuple[Any, Any]) -> None:
    random.setstate(states[0])
    np.random.set_state(states[1])
