"""Kernel densities of good and bad configurations, and draws from the good ones.

Source: Falkner et al., BOHB (ICML 2018), section 3 and appendix; the kernels and the bandwidths are
those of the authors' HpBandSter: Gaussian for real parameters on [0, 1], Aitchison and Aitken's for
choices, Scott's normal reference for the bandwidths.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nepsbench.search.draws import Draws
from nepsbench.spaces.parameters import FloatArray


class Density:
    """A product kernel density.

    Args:
        rows: Points, shape (points, dimensions): codes of choices, places in [0, 1] of the rest.
        choices: For each dimension the number of choices, 0 if it is real.
        least: The smallest bandwidth.
    """

    def __init__(self, rows: FloatArray, choices: Sequence[int], least: float) -> None:
        self._rows = rows
        self._choices = np.array(choices)
        count, dimensions = rows.shape
        scale = 1.06 * count ** (-1.0 / (4 + dimensions))
        widths = np.maximum(scale * rows.std(axis=0), least)
        # With a larger one, other choices would be likelier than the point's own.
        most = np.where(self._choices > 0, 1 - 1 / np.maximum(self._choices, 1), np.inf)
        self.widths: FloatArray = np.minimum(widths, most)

    def at(self, points: FloatArray) -> FloatArray:
        """Return the density at each point, shape (points,)."""
        away = points[:, np.newaxis, :] - self._rows[np.newaxis, :, :]
        same = away == 0
        widths = self.widths
        others = widths / np.maximum(self._choices - 1, 1)
        discrete = np.where(same, 1 - widths, others)
        safe = np.where(widths > 0, widths, 1.0)
        gaussian = np.exp(-0.5 * (away / safe) ** 2) / (safe * np.sqrt(2 * np.pi))
        kernels = np.where(self._choices > 0, discrete, gaussian)
        found: FloatArray = kernels.prod(axis=2).mean(axis=1)
        return found

    def draw(self, draws: Draws, factor: float) -> list[float]:
        """Return a point near one of the rows; real bandwidths are ``factor`` times as wide."""
        row = self._rows[draws.below(len(self._rows))].tolist()
        point = []
        for value, count, width in zip(row, self._choices.tolist(), self.widths.tolist(),
                                       strict=True):  # fmt: skip
            if not count:
                point.append(draws.normal_within(value, width * factor) if width else value)
            elif draws.uniform() < 1 - width:
                point.append(value)
            else:
                point.append(float(draws.below(count)))
        return point
