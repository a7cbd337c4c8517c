"""Optuna's samplers: TPE, and NSGA-II for one objective or several."""

from __future__ import annotations

import math

# First, since it says in one line where Optuna is not installed.
from nepsbench.client.adapters.optuna import distributions
from nepsbench.errors import InvalidConfigurationError
from nepsbench.search.candidates import Codes
from nepsbench.search.optimiser import Optimiser, Outcome, Problem, Suggestion

# isort: split
import optuna

#: Optuna knows no constraints: so many trials outside the space fail before one is drawn for it.
_TRIES = 50

optuna.logging.set_verbosity(optuna.logging.WARNING)


class _Optuna(Optimiser):
    """A study in memory."""

    multi_objective = True

    def __init__(
        self, problem: Problem, seed: int, *, sampler: optuna.samplers.BaseSampler
    ) -> None:
        super().__init__(problem, seed)
        self._space = problem.candidates.space
        self._distributions = distributions(self._space)
        self._study = optuna.create_study(
            directions=["minimize"] * problem.objectives, sampler=sampler
        )
        self._trials: dict[int, optuna.trial.Trial] = {}

    def ask(self) -> Suggestion:
        """Return what the sampler suggests."""
        for _ in range(_TRIES):
            trial = self._study.ask(self._distributions)
            codes = self._codes(trial)
            if codes is not None:
                return self._suggested(trial, codes)
            self._study.tell(trial, state=optuna.trial.TrialState.FAIL)
        codes = self.candidates.draw(self.draws)
        self._study.enqueue_trial(self._space.decode(codes))
        return self._suggested(self._study.ask(self._distributions), codes)

    def tell(self, suggestion: Suggestion, outcome: Outcome) -> None:
        """Tell the study; what failed is a failed trial."""
        trial = self._trials.pop(suggestion.number)
        if all(math.isfinite(error) for error in outcome.errors):
            self._study.tell(trial, list(outcome.errors))
        else:
            self._study.tell(trial, state=optuna.trial.TrialState.FAIL)

    def _codes(self, trial: optuna.trial.Trial) -> Codes | None:
        try:
            return self.candidates.admit(self._space.encode(trial.params))
        except InvalidConfigurationError:
            return None

    def _suggested(self, trial: optuna.trial.Trial, codes: Codes) -> Suggestion:
        suggestion = self.suggest(codes)
        self._trials[suggestion.number] = trial
        return suggestion


class OptunaTpe(_Optuna):
    """The tree-structured Parzen estimator, with Optuna's defaults.

    Args:
        problem: What is to be solved.
        seed: Of its draws.
        multivariate: True models parameters together.
    """

    def __init__(self, problem: Problem, seed: int, *, multivariate: bool = False) -> None:
        sampler = optuna.samplers.TPESampler(seed=seed, multivariate=multivariate)
        super().__init__(problem, seed, sampler=sampler)


class OptunaNsga2(_Optuna):
    """NSGA-II.

    Args:
        problem: What is to be solved.
        seed: Of its draws.
        population: Its size.
    """

    def __init__(self, problem: Problem, seed: int, *, population: int = 50) -> None:
        sampler = optuna.samplers.NSGAIISampler(seed=seed, population_size=population)
        super().__init__(problem, seed, sampler=sampler)
