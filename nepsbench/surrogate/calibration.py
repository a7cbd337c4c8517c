"""The noise of every metric, and whether its intervals hold as much as they say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nepsbench.spaces.parameters import FloatArray
from nepsbench.surrogate.noise import Spread, noise_of, seed_deviations, spread_of

if TYPE_CHECKING:
    from nepsbench.surrogate.evaluation import Judged

#: Levels of the intervals that are checked.
LEVELS = (0.5, 0.8, 0.9, 0.95)
#: Values held out that an interval can be made of, at least.
_FEWEST = 4


def calibrated(judged: Judged) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the noise of each metric, and the part of the trainings inside of its intervals.

    Noise is made of all configurations held out. What intervals hold is seen on one half of them
    with the noise of the other half, and the other way round.
    """
    noises, reports = {}, {}
    for name, target in judged.fitted.encoder.targets.items():
        part = judged.held_out(name)
        if len(part.value) < _FEWEST:
            continue
        truth = target.forward(part.value, part.epoch)
        predicted = target.forward(judged.predicted(name, part), part.epoch)
        seeds = _seeds(judged, name)
        noises[name] = noise_of(predicted, truth - predicted, seeds=seeds).to_dict()
        half = judged.data.groups[part.trial] % 2 == 0
        if min(half.sum(), (~half).sum()) >= _FEWEST:
            reports[name] = _coverage(predicted, truth - predicted, half)
    return noises, reports


def _seeds(judged: Judged, name: str) -> Spread | None:
    """Return the spread between seeds, of all trials."""
    rows, target = judged.data.metrics[name], judged.fitted.encoder.targets[name]
    groups = judged.data.groups[rows.trial] * (rows.epoch.max() + 1) + rows.epoch
    found = seed_deviations(groups, target.forward(rows.value, rows.epoch))
    return spread_of(*found) if found else None


def _coverage(predicted: FloatArray, residuals: FloatArray, half: Any) -> dict[str, float]:
    inside: dict[str, float] = {}
    for level in LEVELS:
        parts = []
        for seen in (half, ~half):
            noise = noise_of(predicted[seen], residuals[seen])
            parts.append(np.abs(residuals[~seen]) <= noise.half_width(predicted[~seen], level))
        inside[str(level)] = float(np.concatenate(parts).mean())
    return inside
