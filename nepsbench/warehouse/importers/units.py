"""Units that published tables have, and the metric dictionary's own."""

from __future__ import annotations

from nepsbench.schema import Metric

#: By the metric dictionary's unit and the published one: ``value * factor / divisor + offset``.
_CONVERSIONS: dict[str, dict[str, tuple[float, float, float]]] = {
    "%": {
        "%": (1, 1, 0),
        "fraction": (100, 1, 0),
        "error %": (-1, 1, 100),
        "error fraction": (-100, 1, 100),
    },
    "s": {"s": (1, 1, 0), "ms": (1, 1000, 0), "min": (60, 1, 0), "h": (3600, 1, 0)},
    "M": {"M": (1, 1, 0), "1": (1, 1_000_000, 0), "k": (1, 1000, 0), "G": (1000, 1, 0)},
    "MB": {"MB": (1, 1, 0), "GB": (1000, 1, 0), "kB": (1, 1000, 0), "B": (1, 1_000_000, 0)},
    "1": {"1": (1, 1, 0)},
}


def check_unit(metric: Metric, unit: str | None) -> None:
    """Refuse a unit that a metric cannot have.

    Raises:
        ValueError: Names those that it can have.
    """
    if unit is not None and unit not in _CONVERSIONS[metric.unit]:
        known = ", ".join(repr(name) for name in _CONVERSIONS[metric.unit])
        raise ValueError(f"{metric.name} cannot be in {unit!r}; units: {known}")


def converted(metric: Metric, value: float, *, unit: str | None, divide: float = 1.0) -> float:
    """Return a published value in the metric's own unit."""
    factor, divisor, offset = _CONVERSIONS[metric.unit][unit or metric.unit]
    return value * factor / (divisor * divide) + offset
