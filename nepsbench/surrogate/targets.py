"""The scales on which metrics are learnt; the way back keeps every prediction in bounds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import exp
from typing import Literal

import numpy as np

from nepsbench.schema import METRICS, Metric
from nepsbench.spaces.parameters import FloatArray

#: Metrics a surrogate can learn: those with a better and a worse end. CPU use and memory belong to
#: the worker that trained many trials, and lr follows from the recipe.
MODELLED_METRICS: tuple[Metric, ...] = tuple(
    metric for metric in METRICS if metric.direction is not None and metric.unit != "MB"
)
#: Metrics that add up over the epochs of a trial, and so never decrease.
CUMULATIVE = frozenset({"runtime"})

#: Metrics by which a benchmark is told in brief: the first one that it has.
_MAIN = ("valid_acc", "ori_test_acc", "test_acc", "valid_loss", "train_loss")

#: exp() of more is no number any more.
_LARGEST = 700.0


@dataclass(frozen=True)
class Target:
    """The scale on which a metric is learnt.

    Attributes:
        scale: ``logit`` for percentages; ``log`` for amounts above zero; ``rate`` for amounts that
            add up over epochs: the log of the amount an epoch, so that sums never decrease.
        floor: The smallest distance to a bound that is told apart, in the metric's unit.
    """

    scale: Literal["logit", "log", "rate"]
    floor: float

    def forward(self, values: FloatArray, epochs: FloatArray | float = 1.0) -> FloatArray:
        """Return metric values on the learning scale.

        Args:
            values: In the metric's unit.
            epochs: Their epochs, from 1; only rates ask for them.
        """
        if self.scale == "logit":
            inside = np.clip(values, self.floor, 100.0 - self.floor)
            return np.log(inside / (100.0 - inside))
        logs = np.log(np.maximum(values, self.floor))
        return logs - np.log(np.maximum(epochs, 1.0)) if self.scale == "rate" else logs

    def inverse(self, values: FloatArray, epochs: FloatArray | float = 1.0) -> FloatArray:
        """Return metric values in the metric's unit, always within its bounds."""
        if self.scale == "logit":
            return 100.0 / (1.0 + np.exp(-values))
        amounts = np.exp(values)
        return amounts * np.maximum(epochs, 1.0) if self.scale == "rate" else amounts

    def inverse_of_one(self, value: float, epoch: int) -> float:
        """Return :meth:`inverse` of one value, without the price of an array."""
        if self.scale == "logit":
            return 100.0 / (1.0 + exp(-value)) if value > -_LARGEST else 0.0
        amount = exp(min(value, _LARGEST))
        return amount * max(epoch, 1) if self.scale == "rate" else amount


def main_metric(names: Iterable[str]) -> str:
    """Return the metric, of some (at least one), by which a benchmark is told in brief."""
    known = list(names)
    return next((name for name in _MAIN if name in known), known[0])


def target_of(metric: Metric, values: FloatArray) -> Target:
    """Return the scale for ``metric``, given its finite values.

    The floor of an accuracy is 0.1 %; that of an amount is its smallest value above zero.
    """
    if metric.unit == "%":
        return Target("logit", 0.1)
    positive = values[values > 0]
    floor = float(positive.min()) if positive.size else 1e-9
    return Target("rate" if metric.name in CUMULATIVE else "log", floor)


def learnt_epochs(target: Target, metric: Metric, epochs: FloatArray) -> FloatArray:
    """Return the epochs that trees may split on: 0 for what has no epoch, or is a rate."""
    has_none = target.scale == "rate" or metric.table == "trials"
    return np.zeros_like(epochs) if has_none else epochs
