"""A benchmark as a number to be made small: what the adapters to optimisers have in common."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from nepsbench.client.costs import CostMode, Queryable, query_cost
from nepsbench.client.search_log import SearchLog, direction_sign
from nepsbench.errors import NepsbenchError, NotInTableError
from nepsbench.schema import METRICS_BY_NAME
from nepsbench.spaces import Scalar

#: Samples that are looked at for the epochs of a table; some of them may have ended early.
_LOOKED_AT = 10


@dataclass(frozen=True)
class Fidelities:
    """The budgets at which a benchmark can be asked for a metric.

    Attributes:
        kind: ``epoch``, or ``horizon`` where a table has trainings of several lengths, each with a
            learning-rate schedule of its own (NAS-Bench-101, NATS-Bench).
        values: In ascending order.
    """

    kind: Literal["epoch", "horizon"]
    values: tuple[int, ...]

    def floor(self, budget: float | None) -> int:
        """Return the largest value that a budget pays for; the largest of all for None.

        Raises:
            NotInTableError: If it pays for none.
        """
        if budget is None:
            return self.values[-1]
        place = bisect_right(self.values, budget)
        if not place:
            raise NotInTableError(
                f"nothing is recorded up to {self.kind} {budget:g}; "
                f"the smallest is {self.values[0]}"
            )
        return self.values[place - 1]

    def rungs(self, eta: float = 3.0) -> tuple[int, ...]:
        """Return the values that successive halving asks: the largest, 1/eta of it, and so on."""
        if eta <= 1:
            raise NepsbenchError(f"eta={eta!r} makes no rungs; give more than 1")
        found, budget = [self.values[-1]], self.values[-1] / eta
        while budget >= self.values[0]:
            if (value := self.floor(budget)) < found[-1]:
                found.append(value)
            budget /= eta
        return tuple(reversed(found))


def fidelities(bench: Any, metric: str) -> Fidelities:
    """Return the budgets at which ``bench`` can be asked for ``metric``.

    Horizons, where it has several; otherwise the epochs that recorded the metric, which a few
    samples tell.

    Raises:
        NotInTableError: If none recorded it.
    """
    horizons = tuple(getattr(bench, "horizons", ()))
    if len(horizons) > 1:
        return Fidelities("horizon", horizons)
    if hasattr(bench, "trajectory_to"):  # one that trains is not asked
        return Fidelities("epoch", tuple(range(1, bench.max_epoch + 1)))
    epochs = set()
    for seed in range(_LOOKED_AT):
        with suppress(NotInTableError):  # one that failed has no epochs
            curve = bench.trajectory(bench.sample(seed))
            epochs |= {epoch for epoch, answer in curve.items() if metric in answer}
    if not epochs - {0}:
        raise NotInTableError(f"{bench.name} has no {metric} of any epoch; choose another metric")
    return Fidelities("epoch", tuple(sorted(epochs - {0})))


@dataclass(frozen=True)
class Evaluation:
    """What an objective says of a configuration.

    Attributes:
        value: The metric as it stands in the table.
        error: What to minimise: 100 less an accuracy in percent, a loss or time itself.
        seconds: Simulated cost, None where it is not counted.
        answer: Everything that the benchmark answered.
    """

    value: float
    error: float
    seconds: float | None
    answer: Mapping[str, float]


@dataclass(frozen=True)
class Objective:
    """A metric of a benchmark, at any budget that it recorded.

    Args:
        bench: A benchmark object, or a ``SearchLog`` around one. A log counts by its own mode.
        metric: What is optimised; its direction stands in the metric dictionary.
        mode: Which passes count as cost where there is no log; None counts none.
        seed: The training seed, or None for the mean over the seeds.
        draw: Instead: chooses a configuration's seed, the same one every time.
    """

    bench: Any
    metric: str = "valid_acc"
    mode: CostMode | None = None
    seed: int | None = None
    draw: int | None = None

    def __post_init__(self) -> None:
        direction_sign(self.bench, self.metric)

    @property
    def is_maximised(self) -> bool:
        """True if more of the metric is better."""
        return direction_sign(self.bench, self.metric) > 0

    def evaluate(
        self,
        configuration: Mapping[str, Scalar],
        fidelity: tuple[str, int] | None = None,
    ) -> Evaluation:
        """Return what the benchmark says of a configuration, once asked and once paid for.

        Args:
            configuration: One value for each parameter of the space.
            fidelity: ``("epoch", 12)``, ``("horizon", 36)``, or None for the longest training.

        Raises:
            InvalidConfigurationError: If it lies outside the space.
            NotInTableError: If it, or the metric there, is not in the benchmark.
            BudgetSpentError: If a log's budget is spent.
        """
        chosen: dict[str, Any] = dict([fidelity] if fidelity else [])
        seeds = {"seed": self.seed, "draw": self.draw}
        chosen.update((name, value) for name, value in seeds.items() if value is not None)
        answer = self.bench(configuration, **chosen)
        if self.metric not in answer:
            raise NotInTableError(f"{self.bench.name} has no {self.metric} of this configuration")
        value = answer[self.metric]
        return Evaluation(value, self.error(value), self._seconds(configuration, chosen), answer)

    def error(self, value: float) -> float:
        """Return what is to be minimised for a value of the metric."""
        if not self.is_maximised:
            return value
        return 100.0 - value if METRICS_BY_NAME[self.metric].unit == "%" else -value

    def _seconds(self, configuration: Any, chosen: Mapping[str, Any]) -> float | None:
        if isinstance(self.bench, SearchLog):
            return self.bench.entries[-1].cost if self.bench.settings.mode else None
        if self.mode is None:
            return None
        bench: Queryable = self.bench
        return query_cost(bench, configuration, mode=self.mode, **chosen)
