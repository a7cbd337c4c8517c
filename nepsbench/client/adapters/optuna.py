"""Optuna: the space as distributions, the benchmark as ``objective(trial)``, with pruning.

>>> objective = Objective(nepsbench.load("nasbench201-cifar10-valid"))   # doctest: +SKIP
>>> study = optuna.create_study(direction=objective.direction)           # doctest: +SKIP
>>> study.optimize(objective, n_trials=200)                              # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from nepsbench.client.objective import Fidelities, fidelities
from nepsbench.client.objective import Objective as _Objective
from nepsbench.errors import BudgetSpentError, InvalidConfigurationError, NepsbenchError
from nepsbench.spaces import Configuration, Space
from nepsbench.spaces.parameters import Categorical, Scalar

try:
    import optuna
except ImportError:
    raise NepsbenchError("Optuna is not installed; run: pip install 'nepsbench[search]'") from None


def distributions(space: Space) -> dict[str, optuna.distributions.BaseDistribution]:
    """Return Optuna's distribution of each parameter, by name; ``study.ask`` takes them."""
    return {
        parameter.name: optuna.distributions.CategoricalDistribution(parameter.choices)
        if isinstance(parameter, Categorical)
        else optuna.distributions.FloatDistribution(
            parameter.lower, parameter.upper, log=parameter.log
        )
        for parameter in space.parameters
    }


def suggest(trial: optuna.trial.BaseTrial, space: Space) -> Configuration:
    """Return the configuration that a trial suggests."""
    return {
        parameter.name: cast(Scalar, trial.suggest_categorical(parameter.name, parameter.choices))
        if isinstance(parameter, Categorical)
        else trial.suggest_float(
            parameter.name, parameter.lower, parameter.upper, log=parameter.log
        )
        for parameter in space.parameters
    }


class Objective:
    """``objective(trial)`` of a benchmark.

    A trial reports the metric at each rung, and stops where the study's pruner says so. A log
    around the benchmark has one entry a trial: the epochs up to where it stopped. (Where rungs are
    horizons, each is a training of its own, and an entry.) What lies outside the space is pruned,
    for Optuna knows no constraints. When a log's budget is spent, the study stops.

    Args:
        bench: A benchmark object, or a ``SearchLog`` around one.
        metric: What is optimised.
        seed: The training seed; None is the mean over the seeds.
        rungs: Epochs (or horizons) at which a trial reports; default a third, a ninth, ... of the
            last one. Give one to report nothing in between.
    """

    def __init__(
        self,
        bench: Any,
        *,
        metric: str = "valid_acc",
        seed: int | None = None,
        rungs: Sequence[int] | None = None,
    ) -> None:
        self._objective = _Objective(bench, metric, seed=seed)
        self._bench = bench
        self.fidelities: Fidelities = fidelities(bench, metric)
        self.rungs = tuple(sorted(rungs)) if rungs else self.fidelities.rungs()

    @property
    def direction(self) -> str:
        """``maximize`` or ``minimize``, for ``create_study``."""
        return "maximize" if self._objective.is_maximised else "minimize"

    def __call__(self, trial: optuna.Trial) -> float:
        """Return the metric of what the trial suggests.

        Raises:
            optuna.TrialPruned: If the pruner says so, the configuration lies outside the space, or
            the
                budget is spent.
            NotInTableError: If the benchmark has no answer.
        """
        try:
            configuration = self._bench.space.validate(suggest(trial, self._bench.space))
            return self._climb(trial, configuration)
        except InvalidConfigurationError as error:
            raise optuna.TrialPruned(str(error)) from error
        except BudgetSpentError as error:
            trial.study.stop()
            raise optuna.TrialPruned(str(error)) from error

    def _climb(self, trial: optuna.Trial, configuration: Configuration) -> float:
        kind, last = self.fidelities.kind, self.rungs[-1]
        curve = self._curve(configuration) if kind == "epoch" else {}
        for rung in self.rungs[:-1]:
            if kind == "horizon":
                value = self._objective.evaluate(configuration, (kind, rung)).value
            elif self._objective.metric not in curve.get(rung, {}):
                break  # the training ended before; what is asked for below says why
            else:
                value = curve[rung][self._objective.metric]
            trial.report(value, rung)
            if trial.should_prune():
                if kind == "epoch":
                    self._objective.evaluate(configuration, (kind, rung))
                raise optuna.TrialPruned(f"pruned at {kind} {rung}")
        return self._objective.evaluate(configuration, (kind, last)).value

    def _curve(self, configuration: Configuration) -> Mapping[int, Mapping[str, float]]:
        if len(self.rungs) == 1:
            return {}
        chosen = {} if self._objective.seed is None else {"seed": self._objective.seed}
        found: dict[int, dict[str, float]] = self._bench.trajectory(configuration, **chosen)
        return found
