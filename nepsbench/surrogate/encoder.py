"""How configurations and metrics become the numbers that the surrogate's trees see, and back.

One piece of code for fitting and for serving, stored next to the models as ``encoder.json``. Pure
numpy, so that the light client can use it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from typing import Any, Literal, TypeAlias

import numpy as np

from nepsbench.errors import NepsbenchError, VersionMismatchError
from nepsbench.schema import METRICS, Metric
from nepsbench.spaces import Categorical, Parameter, Space
from nepsbench.spaces.parameters import FloatArray

ENCODER_FORMAT = 1

_Values: TypeAlias = Callable[[FloatArray], FloatArray]
_Column: TypeAlias = tuple[int, str, _Values]

#: Metrics a surrogate can learn: those with a better and a worse end. CPU use and memory belong to
#: the worker that trained many trials, and lr follows from the recipe.
MODELLED_METRICS: tuple[Metric, ...] = tuple(
    metric for metric in METRICS if metric.direction is not None and metric.unit != "MB"
)


@dataclass(frozen=True)
class Target:
    """The scale on which a metric is learnt; its inverse keeps every prediction in bounds.

    Attributes:
        scale: ``logit`` for percentages, ``log`` for amounts above zero.
        floor: The smallest distance to a bound that is told apart, in the metric's unit.
    """

    scale: Literal["logit", "log"]
    floor: float

    def forward(self, values: FloatArray) -> FloatArray:
        """Return metric values on the learning scale."""
        if self.scale == "log":
            return np.log(np.maximum(values, self.floor))
        inside = np.clip(values, self.floor, 100.0 - self.floor)
        return np.log(inside / (100.0 - inside))

    def inverse(self, values: FloatArray) -> FloatArray:
        """Return metric values in the metric's unit, always within its bounds."""
        if self.scale == "log":
            return np.exp(values)
        return 100.0 / (1.0 + np.exp(-values))


def target_of(metric: Metric, values: FloatArray) -> Target:
    """Return the scale for ``metric``, given its finite values.

    The floor of an accuracy is 0.1 %; that of an amount is its smallest value above zero.
    """
    if metric.unit == "%":
        return Target("logit", 0.1)
    positive = values[values > 0]
    return Target("log", float(positive.min()) if positive.size else 1e-9)


@dataclass(frozen=True)
class Encoder:
    """Features of a space: fidelities as numbers, other choices one-hot, reals by log10, epoch.

    Attributes:
        space: The space whose encoded configurations are read.
        targets: The learning scale of each metric.
    """

    space: Space
    targets: Mapping[str, Target]

    @cached_property
    def _columns(self) -> tuple[_Column, ...]:
        fidelities = self.space.fidelities
        return tuple(
            (index, name, values)
            for index, parameter in enumerate(self.space.parameters)
            for name, values in _columns_of(parameter, parameter.name in fidelities)
        )

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The name of each feature column; the last is ``epoch``."""
        return (*(name for _, name, _ in self._columns), "epoch")

    def features(self, codes: FloatArray, epochs: FloatArray) -> FloatArray:
        """Return the features, shape (rows, features).

        Args:
            codes: Encoded configurations, shape (rows, parameters).
            epochs: The epoch of each row, from 1.
        """
        return np.column_stack(
            [*(values(codes[:, index]) for index, _, values in self._columns), epochs]
        )

    def to_json(self) -> str:
        """Return the encoder as JSON."""
        content = {
            "format": ENCODER_FORMAT,
            "space": self.space.name,
            "space_version": self.space.version,
            "features": self.feature_names,
            "targets": {name: asdict(target) for name, target in self.targets.items()},
        }
        return json.dumps(content, indent=1)

    @classmethod
    def from_json(cls, text: str, space: Space) -> Encoder:
        """Return the encoder that :meth:`to_json` wrote for ``space``.

        Raises:
            VersionMismatchError: If this installation would encode otherwise.
            NepsbenchError: If ``text`` is damaged.
        """
        try:
            content: dict[str, Any] = json.loads(text)
            targets = {name: Target(**target) for name, target in content["targets"].items()}
            encoder = cls(space, targets)
            stored = (content["format"], content["space"], content["space_version"])
            features = tuple(content["features"])
        except (ValueError, KeyError, TypeError, AttributeError):
            raise NepsbenchError("encoder.json of the surrogate is damaged; fit again") from None
        here = (ENCODER_FORMAT, space.name, space.version)
        if stored != here or features != encoder.feature_names:
            raise VersionMismatchError(
                f"the surrogate was fitted for encoder {stored}, this nepsbench has {here}; "
                "install the version that fitted it, or fit again"
            )
        return encoder


def _columns_of(parameter: Parameter, is_fidelity: bool) -> list[tuple[str, _Values]]:
    """Return the name of each feature of a parameter, and its values given the encoded column."""
    if not isinstance(parameter, Categorical):
        return [(parameter.name, np.log10 if parameter.log else np.asarray)]
    if is_fidelity:
        choices = np.array(parameter.choices, dtype=np.float64)
        return [(parameter.name, partial(_pick, choices))]
    if len(parameter.choices) == 2:
        return [(parameter.name, np.asarray)]
    return [
        (f"{parameter.name}={choice}", partial(_equals, float(index)))
        for index, choice in enumerate(parameter.choices)
    ]


def _pick(choices: FloatArray, codes: FloatArray) -> FloatArray:
    return choices[codes.astype(np.int64)]


def _equals(index: float, codes: FloatArray) -> FloatArray:
    return np.asarray(codes == index, dtype=np.float64)
