"""NePS: the space as ``PipelineSpace``, the benchmark as ``evaluate_pipeline``.

>>> neps.run(                                                       # doctest: +SKIP
...     evaluate_pipeline(bench), pipeline_space(bench), root_directory="results",
...     worker_evaluations_to_spend=200,
... )
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nepsbench.client.costs import CostMode
from nepsbench.client.objective import Objective, fidelities
from nepsbench.errors import NepsbenchError
from nepsbench.spaces.parameters import Categorical, Parameter

try:
    import neps
except ImportError:
    raise NepsbenchError("NePS is not installed; run: pip install neural-pipeline-search") from None


def pipeline_space(
    bench: Any, *, metric: str = "valid_acc", multi_fidelity: bool = False, prior: str | None = None
) -> neps.PipelineSpace:
    """Return the benchmark's space for NePS.

    Args:
        bench: A benchmark object, or a ``SearchLog`` around one.
        metric: What is optimised.
        multi_fidelity: True adds the fidelity ``epoch`` (or ``horizon``) from the smallest to the
            largest recorded.
        prior: ``low``, ``medium`` or ``high`` confidence in the space's defaults as a prior; None
            is none.
    """
    attributes: dict[str, Any] = {
        parameter.name: _domain(parameter, prior) for parameter in bench.space.parameters
    }
    if multi_fidelity:
        known = fidelities(bench, metric)
        attributes[known.kind] = neps.IntegerFidelity(known.values[0], known.values[-1])
    space: neps.PipelineSpace = type("BenchmarkSpace", (neps.PipelineSpace,), attributes)()
    return space


def _domain(parameter: Parameter, prior: str | None) -> Any:
    believed: dict[str, Any] = {"prior_confidence": prior} if prior else {}
    if isinstance(parameter, Categorical):
        if prior:
            believed["prior"] = parameter.choices.index(parameter.default)
        return neps.Categorical(parameter.choices, **believed)
    if prior:
        believed["prior"] = parameter.default
    return neps.Float(parameter.lower, parameter.upper, log=parameter.log, **believed)


def evaluate_pipeline(
    bench: Any, *, metric: str = "valid_acc", mode: CostMode | None = "valid"
) -> Callable[..., dict[str, Any]]:
    """Return what NePS evaluates; it minimises 100 less an accuracy in percent, or a loss itself.

    ``epoch`` or ``horizon`` among the arguments is rounded down to a recorded one. ``cost`` is
    simulated seconds, of the whole training; around a log that continues, of the epochs not yet
    paid for.

    Args:
        bench: A benchmark object, or a ``SearchLog`` around one.
        metric: What is optimised.
        mode: Which passes count as cost; None reports no cost. A log counts by its own.
    """
    objective = Objective(bench, metric, mode=mode)
    known = fidelities(bench, metric)

    def evaluate(**configuration: Any) -> dict[str, Any]:
        budget = configuration.pop(known.kind, None)
        fidelity = (known.kind, known.floor(budget))
        found = objective.evaluate(configuration, fidelity)
        result: dict[str, Any] = {"objective_to_minimize": found.error}
        if found.seconds is not None:
            result["cost"] = found.seconds
        return {**result, "info_dict": dict(found.answer)}

    return evaluate
