"""What one training might give beside its prediction: a draw, or an interval."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nepsbench.errors import NepsbenchError
from nepsbench.schema import METRICS_BY_NAME
from nepsbench.surrogate.models import FittedSurrogate
from nepsbench.surrogate.noise import Noise, normal_draw

#: Streams of a draw: how well the training goes, and how fast.
_QUALITY, _SPEED = 0, 1


def drawn(
    surrogate: FittedSurrogate,
    answer: Mapping[str, float],
    epoch: int,
    *,
    config_id: str,
    draw: int,
) -> dict[str, float]:
    """Return what one training might give, in each metric's unit.

    A training that goes well does so in all losses and accuracies, and at all epochs; times are
    drawn apart from these. What has no noise, like parameters, stays as it is.

    Args:
        surrogate: What predicted.
        answer: Its prediction.
        epoch: The epoch of it.
        config_id: The configuration.
        draw: Which draw, from 0.

    Raises:
        NepsbenchError: If the surrogate was not judged, or ``draw`` is no whole number from 0.
    """
    noise = _noise(surrogate)
    sizes = [normal_draw(config_id, draw, stream=stream) for stream in (_QUALITY, _SPEED)]
    found = dict(answer)
    for name in answer:
        metric = METRICS_BY_NAME[name]
        if name not in noise or metric.table == "trials":
            continue
        target = surrogate.encoder.targets[name]
        predicted = target.forward(np.array([answer[name]]), epoch)
        better = -1.0 if metric.direction == "min" else 1.0
        size = sizes[_SPEED if metric.unit == "s" else _QUALITY] * better
        moved = predicted + size * noise[name].seeds(predicted)
        found[name] = float(target.inverse(moved, epoch)[0])
    return found


def intervals(
    surrogate: FittedSurrogate, answer: Mapping[str, float], epoch: int, *, level: float
) -> dict[str, tuple[float, float]]:
    """Return lower and upper end of each metric that has noise, in the metric's unit.

    Args:
        surrogate: What predicted.
        answer: Its prediction.
        epoch: The epoch of it.
        level: The part of trainings inside.

    Raises:
        NepsbenchError: If the surrogate was not judged, or ``level`` is not between 0 and 1.
    """
    noise, found = _noise(surrogate), {}
    for name, value in answer.items():
        if name in noise:
            target = surrogate.encoder.targets[name]
            predicted = target.forward(np.array([value]), epoch)
            half = noise[name].half_width(predicted, level)
            ends = target.inverse(np.concatenate([predicted - half, predicted + half]), epoch)
            found[name] = (float(ends[0]), float(ends[1]))
    return found


def _noise(surrogate: FittedSurrogate) -> Mapping[str, Noise]:
    if not surrogate.noise:
        raise NepsbenchError(
            "the surrogate was not judged, so its noise is not known; fit it again with "
            "nepsbench surrogate fit"
        )
    return surrogate.noise
