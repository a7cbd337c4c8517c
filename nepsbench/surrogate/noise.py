"""How far a training may lie from what is predicted: between seeds, and in all.

Both spreads depend on the prediction itself: poor configurations scatter more than good ones. They
are measured on the learning scale in bins of equally many predictions, on configurations that were
held out, and read between the bins. An interval is a multiple of the whole spread; the multiples
are quantiles of what was seen (split conformal prediction: Lei et al., JASA 2018, section 5.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nepsbench.errors import NepsbenchError
from nepsbench.spaces.parameters import FloatArray

#: Values in a bin, and most bins.
_IN_BIN, _BINS = 40, 8
#: Levels at which multiples are kept.
_LEVELS = np.linspace(0.0, 1.0, 101)
#: Keeps a spread of nothing from being divided by.
_LEAST = 1e-9


@dataclass(frozen=True, eq=False)
class Spread:
    """A standard deviation that depends on the prediction.

    Attributes:
        at: Predictions, ascending, shape (bins,).
        deviation: The standard deviation there, shape (bins,).
    """

    at: FloatArray
    deviation: FloatArray

    def __call__(self, predicted: FloatArray | float) -> FloatArray:
        """Return the standard deviation at predictions."""
        return np.asarray(np.interp(predicted, self.at, self.deviation), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Noise:
    """What is known of one metric's scatter, on its learning scale.

    Attributes:
        seeds: Between trainings that differ in the seed alone; where no configuration was trained
            twice, it is ``whole``, which is more than that.
        whole: Of trainings of unseen configurations around their prediction.
        multiples: Of ``whole``, so far lies each hundredth of the trainings.
        has_seeds: Whether seeds were compared.
    """

    seeds: Spread
    whole: Spread
    multiples: FloatArray
    has_seeds: bool

    def half_width(self, predicted: FloatArray, level: float) -> FloatArray:
        """Return how far an interval reaches to both sides.

        Args:
            predicted: On the learning scale.
            level: The part of trainings that shall lie inside.

        Raises:
            NepsbenchError: If ``level`` is not between 0 and 1.
        """
        if not 0.0 < level < 1.0:
            raise NepsbenchError(f"level={level!r} is out of range; give a number between 0 and 1")
        return self.whole(predicted) * float(np.interp(level, _LEVELS, self.multiples))

    def to_dict(self) -> dict[str, Any]:
        """Return the noise as JSON can say it."""
        return {
            "seeds": {"at": self.seeds.at.tolist(), "deviation": self.seeds.deviation.tolist()},
            "whole": {"at": self.whole.at.tolist(), "deviation": self.whole.deviation.tolist()},
            "multiples": self.multiples.tolist(),
            "has_seeds": self.has_seeds,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Noise:
        """Return what :meth:`to_dict` wrote."""
        spreads = [
            Spread(np.array(content[name]["at"]), np.array(content[name]["deviation"]))
            for name in ("seeds", "whole")
        ]
        multiples = np.array(content["multiples"], dtype=np.float64)
        return cls(spreads[0], spreads[1], multiples, bool(content["has_seeds"]))


def spread_of(predicted: FloatArray, deviations: FloatArray) -> Spread:
    """Return the standard deviation of deviations around 0, by prediction."""
    bins = int(np.clip(len(predicted) // _IN_BIN, 1, _BINS))
    parts = np.array_split(np.argsort(predicted, kind="stable"), bins)
    at = np.array([predicted[part].mean() for part in parts])
    deviation = np.array([np.sqrt(np.mean(deviations[part] ** 2)) for part in parts])
    return Spread(at, np.maximum(deviation, _LEAST))


def noise_of(predicted: FloatArray, residuals: FloatArray, *, seeds: Spread | None = None) -> Noise:
    """Return the noise of a metric.

    Args:
        predicted: Of configurations that were held out, on the learning scale.
        residuals: What their trainings gave, less what was predicted.
        seeds: The spread between seeds, if any configuration was trained twice.
    """
    whole = spread_of(predicted, residuals)
    sizes = np.abs(residuals) / whole(predicted)
    # One more than there are: the next training is one of n + 1 that might as well be the farthest.
    count = len(sizes)
    levels = np.minimum(_LEVELS * (count + 1) / count, 1.0)
    multiples = np.quantile(sizes, levels, method="higher")
    return Noise(seeds or whole, whole, multiples, seeds is not None)


def seed_deviations(groups: FloatArray, values: FloatArray) -> tuple[FloatArray, FloatArray] | None:
    """Return by how much trainings of the same group differ from their mean.

    Args:
        groups: The same number for the same configuration and epoch, shape (rows,).
        values: On the learning scale.

    Returns:
        The rows' means and their deviations, these widened so that their mean square is the
        variance between seeds; rows of groups of one are left out. None if all are.
    """
    _, which, counts = np.unique(groups, return_inverse=True, return_counts=True)
    several = counts[which] > 1
    if not several.any():
        return None
    means = (np.bincount(which, weights=values) / counts)[which]
    widened = np.sqrt(counts[which] / np.maximum(counts[which] - 1.0, 1.0))
    deviations = (values - means) * widened
    return means[several], deviations[several]


def normal_draw(config_id: str, draw: int, *, stream: int) -> float:
    """Return a draw from the standard normal distribution, the same for the same arguments.

    Two uniform numbers of a Philox generator keyed by the configuration, by Box and Muller.

    Args:
        config_id: The configuration.
        draw: Which draw, from 0.
        stream: Which of several independent numbers.

    Raises:
        NepsbenchError: If ``draw`` is no whole number from 0.
    """
    if isinstance(draw, bool) or not hasattr(draw, "__index__") or draw < 0:
        raise NepsbenchError(f"draw={draw!r} is no draw; give a whole number from 0")
    key = (int(config_id, 16) << 64) + int(draw)
    words = np.random.Philox(key=key, counter=[0, 0, 0, stream]).random_raw(2)
    first, second = ((words >> np.uint64(11)) + 0.5) * 2.0**-53
    return float(np.sqrt(-2.0 * np.log(first)) * np.cos(2.0 * np.pi * second))
