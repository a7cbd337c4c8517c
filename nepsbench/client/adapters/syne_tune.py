"""Syne Tune: the benchmark as a ``Blackbox``, for its simulated backend.

    >>> blackbox = TableBlackbox(bench)                                 # doctest: +SKIP
    >>> backend = UserBlackboxBackend(                                  # doctest: +SKIP
    ...     blackbox=blackbox, elapsed_time_attr=ELAPSED_TIME, max_resource_attr="epochs"
    ... )

Its repository has tables that it builds itself; this one is read where it lies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nepsbench.client.costs import CostMode, curve_cost
from nepsbench.client.objective import fidelities
from nepsbench.errors import NepsbenchError, NotInTableError
from nepsbench.spaces import Configuration, Space
from nepsbench.spaces.parameters import Categorical, FloatArray

try:
    from syne_tune.blackbox_repository.blackbox import Blackbox
    from syne_tune.config_space import choice, loguniform, randint, uniform
except ImportError as error:
    raise NepsbenchError(
        f"{error.name} is not installed; run: pip install 'syne-tune[blackbox-repository]'"
    ) from None

#: Name of the objective that counts simulated seconds since the start of a training.
ELAPSED_TIME = "elapsed_time"


def configuration_space(space: Space) -> dict[str, Any]:
    """Return Syne Tune's domain of each parameter, by name."""
    return {
        parameter.name: choice(list(parameter.choices))
        if isinstance(parameter, Categorical)
        else (loguniform if parameter.log else uniform)(parameter.lower, parameter.upper)
        for parameter in space.parameters
    }


class TableBlackbox(Blackbox):
    """A benchmark as Syne Tune's blackbox, one fidelity: the epoch, or the horizon.

    A configuration whose training ended early has NaN from there on, and time stands still.

    Args:
        bench: Any benchmark object.
        metrics: Objectives, besides ``elapsed_time``. All of the benchmark's, by default.
        mode: Which passes count as elapsed time; None has no such objective.
        metric: Fidelities are those at which this is recorded.
    """

    def __init__(
        self,
        bench: Any,
        *,
        metrics: Sequence[str] | None = None,
        mode: CostMode | None = "valid",
        metric: str = "valid_acc",
    ) -> None:
        known = {each.name for each in bench.metrics}
        if unknown := set(metrics or ()) - known:
            raise NepsbenchError(
                f"{bench.name} has no metric {min(unknown)!r}; choose from "
                + ", ".join(sorted(known))
            )
        self._bench, self._mode = bench, mode
        self._fidelities = fidelities(bench, metric)
        self._metrics = tuple(metrics or (each.name for each in bench.metrics))
        values = self._fidelities.values
        super().__init__(
            configuration_space=configuration_space(bench.space),
            fidelity_space={self._fidelities.kind: randint(values[0], values[-1])},
            objectives_names=[*self._metrics, *([ELAPSED_TIME] if mode else [])],
        )

    @property
    def fidelity_values(self) -> np.ndarray:
        """The recorded epochs or horizons, ascending."""
        return np.array(self._fidelities.values)

    def _objective_function(
        self,
        configuration: Mapping[str, Any],
        fidelity: Mapping[str, float] | None = None,
        seed: int | None = None,
    ) -> dict[str, float] | FloatArray:
        """Return the objectives at a fidelity, or at all: shape (fidelities, objectives).

        Raises:
            InvalidConfigurationError: If the configuration lies outside the space.
            NotInTableError: If it, the seed, or the fidelity is not recorded.
        """
        valid = self._bench.space.validate(configuration)
        chosen = {} if seed is None else {"seed": seed}
        if fidelity is None:
            return self._all(valid, chosen)
        value = next(iter(fidelity.values()))
        if value not in self._fidelities.values:
            raise NotInTableError(
                f"{self._fidelities.kind} {value} is not recorded in {self._bench.name}; there are "
                + ", ".join(map(str, self._fidelities.values))
            )
        row = self._all(valid, chosen)[self._fidelities.values.index(int(value))]
        return dict(zip(self.objectives_names, row.tolist(), strict=True))

    def _all(self, configuration: Configuration, chosen: Mapping[str, Any]) -> FloatArray:
        if self._fidelities.kind == "horizon":
            return np.array(
                [
                    self._row(self._bench.trajectory(configuration, horizon=horizon, **chosen))
                    for horizon in self._fidelities.values
                ]
            )
        curve = self._bench.trajectory(configuration, **chosen)
        rows, seconds, before = [], 0.0, 0
        for epoch in self._fidelities.values:
            if self._mode and epoch in curve:
                seconds += self._seconds(curve, before, epoch)
                before = epoch
            rows.append([*self._values(curve.get(epoch, {})), *([seconds] if self._mode else [])])
        return np.array(rows)

    def _row(self, curve: Mapping[int, Mapping[str, float]]) -> list[float]:
        last = max(curve)
        seconds = [self._seconds(curve, 0, last)] if self._mode else []
        return [*self._values(curve[last]), *seconds]

    def _seconds(self, curve: Mapping[int, Mapping[str, float]], start: int, end: int) -> float:
        assert self._mode is not None
        part = {epoch: curve[epoch] for epoch in range(start, end + 1) if epoch in curve}
        return curve_cost(part, end, start=start, mode=self._mode, name=self._bench.name)

    def _values(self, answer: Mapping[str, float]) -> list[float]:
        return [answer.get(metric, float("nan")) for metric in self._metrics]
