"""SMAC3: the space as ConfigSpace, the benchmark as target function with seed and budget.

>>> scenario = Scenario(to_configspace(bench.space, seed=1), n_trials=200)    # doctest: +SKIP
>>> facade = HyperparameterOptimizationFacade(scenario, target_function(bench))  # doctest:
+SKIP >>> incumbent = facade.optimize()                                            # doctest:
+SKIP
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from nepsbench.client.objective import Objective, fidelities
from nepsbench.client.search_log import SearchLog
from nepsbench.errors import NepsbenchError
from nepsbench.spaces.configspace import to_configspace

try:
    from smac.callback import Callback
except ImportError:
    raise NepsbenchError("SMAC is not installed; run: pip install 'nepsbench[search]'") from None

__all__ = ["StopWhenSpent", "budgets", "target_function", "to_configspace"]


def target_function(
    bench: Any, *, metric: str = "valid_acc", multi_fidelity: bool = False, seeds: bool = False
) -> Callable[..., float]:
    """Return what SMAC minimises: 100 less an accuracy in percent, or a loss itself.

    A configuration outside the space raises, which SMAC records as a crash of infinite cost.

    Args:
        bench: A benchmark object, or a ``SearchLog`` around one.
        metric: What is optimised.
        multi_fidelity: True for facades that give budgets: a budget is the number of epochs (or
            the horizon), rounded down to a recorded one.
        seeds: True for a scenario with ``deterministic=False``: each of SMAC's seeds chooses one
            of a configuration's training seeds. Otherwise, the mean over them.
    """
    objective = Objective(bench, metric)

    def drawing(seed: int) -> Objective:
        return replace(objective, draw=seed) if seeds else objective

    if not multi_fidelity:

        def single(config: Mapping[str, Any], seed: int = 0) -> float:
            return drawing(seed).evaluate(dict(config)).error

        return single
    known = fidelities(bench, metric)

    def multiple(config: Mapping[str, Any], seed: int = 0, budget: float | None = None) -> float:
        chosen = (known.kind, known.floor(budget))
        return drawing(seed).evaluate(dict(config), chosen).error

    return multiple


def budgets(bench: Any, metric: str = "valid_acc") -> dict[str, int]:
    """Return ``min_budget`` and ``max_budget`` for a scenario of several fidelities."""
    values = fidelities(bench, metric).values
    return {"min_budget": values[0], "max_budget": values[-1]}


class StopWhenSpent(Callback):
    """Stops SMAC when the budget of a log is spent; goes into a facade's ``callbacks``."""

    def __init__(self, log: SearchLog) -> None:
        super().__init__()
        self._log = log

    def on_tell_end(self, smbo: Any, info: Any, value: Any) -> bool | None:  # noqa: ARG002
        """Return False, which stops, if the budget is spent."""
        return False if self._log.is_spent else None
