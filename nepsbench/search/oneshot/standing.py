"""How an architecture that was found stands among all of a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nepsbench.schema import METRICS_BY_NAME
from nepsbench.spaces import Scalar


@dataclass(frozen=True)
class Standing:
    """An architecture beside others.

    Attributes:
        metric: What they are compared by.
        value: Its own.
        mean: That of architectures drawn at random.
        beaten: The part of these that is worse.
        drawn: How many were drawn.
    """

    metric: str
    value: float
    mean: float
    beaten: float
    drawn: int


def standing(
    bench: Any,
    configuration: Mapping[str, Scalar],
    *,
    metric: str = "valid_acc",
    drawn: int = 1000,
) -> Standing:
    """Return how an architecture stands in a table of its space.

    Args:
        bench: A benchmark object, such as ``nepsbench.load`` returns.
        configuration: The architecture.
        metric: What counts.
        drawn: How many to compare with: those that ``bench.sample`` gives for seeds from 0.

    Raises:
        NotInTableError: If the table lacks it.
    """
    sign = -1.0 if METRICS_BY_NAME[metric].direction == "min" else 1.0
    value = float(bench(configuration)[metric])
    others = [float(bench(bench.sample(seed))[metric]) for seed in range(drawn)]
    beaten = sum(sign * other < sign * value for other in others) / drawn
    return Standing(metric, value, sum(others) / drawn, beaten, drawn)
