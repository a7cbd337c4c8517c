"""SMAC3: Bayesian optimisation with a random forest."""

from __future__ import annotations

import math
from pathlib import Path
from tempfile import TemporaryDirectory

# First, since it says in one line where SMAC is not installed.
from nepsbench.client.adapters.smac import to_configspace
from nepsbench.errors import InvalidConfigurationError
from nepsbench.search.candidates import Codes
from nepsbench.search.optimiser import Optimiser, Outcome, Problem, Suggestion

# isort: split
from smac import HyperparameterOptimizationFacade, Scenario
from smac.runhistory import TrialInfo, TrialValue
from smac.runhistory.enumerations import StatusType

#: What lies outside the space is told to be bad, so many times in a row before one is drawn.
_TRIES = 50


class Smac(Optimiser):
    """The hyper-parameter optimisation facade: random forest, log expected improvement.

    Args:
        problem: What is to be solved.
        seed: Of its draws.
        trials: How many it expects; a quarter of them, at most, is its initial design.
    """

    def __init__(self, problem: Problem, seed: int, *, trials: int = 200) -> None:
        super().__init__(problem, seed)
        self._space = problem.candidates.space
        self._folder = TemporaryDirectory(prefix="nepsbench-smac-")
        scenario = Scenario(
            to_configspace(self._space, seed=seed),
            n_trials=trials,
            deterministic=True,
            seed=seed,
            output_directory=Path(self._folder.name),
        )
        self._facade = HyperparameterOptimizationFacade(
            scenario, _never_called, overwrite=True, logging_level=False
        )
        self._trials: dict[int, TrialInfo] = {}

    def ask(self) -> Suggestion:
        """Return what the facade suggests."""
        for _ in range(_TRIES):
            trial = self._facade.ask()
            codes = self._codes(trial)
            if codes is not None:
                suggestion = self.suggest(codes)
                self._trials[suggestion.number] = trial
                return suggestion
            self._tell(trial, math.inf)
        return self.suggest(self.candidates.draw(self.draws))

    def tell(self, suggestion: Suggestion, outcome: Outcome) -> None:
        """Tell the facade; what failed is a crash."""
        trial = self._trials.pop(suggestion.number, None)
        if trial is not None:
            self._tell(trial, outcome.error)

    def _tell(self, trial: TrialInfo, error: float) -> None:
        failed = not math.isfinite(error)
        status = StatusType.CRASHED if failed else StatusType.SUCCESS
        self._facade.tell(trial, TrialValue(cost=error, status=status), save=False)

    def _codes(self, trial: TrialInfo) -> Codes | None:
        try:
            return self.candidates.admit(self._space.encode(dict(trial.config)))
        except InvalidConfigurationError:
            return None


def _never_called(config: object, seed: int = 0) -> float:  # noqa: ARG001
    raise AssertionError("SMAC is asked and told; it calls nothing itself")
