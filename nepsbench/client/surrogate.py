"""Answers from the surrogate: predictions for any configuration of the space."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nepsbench.client.benchmark import Answer, Benchmark, Query, checked_epoch
from nepsbench.client.places import parse_query
from nepsbench.errors import NepsbenchError, NotInTableError
from nepsbench.release.manifest import Manifest
from nepsbench.spaces.parameters import FloatArray
from nepsbench.surrogate.models import FittedSurrogate
from nepsbench.surrogate.scatter import drawn, intervals


class SurrogateAnswer(Answer):
    """An answer that knows whether it was asked for what the surrogate was not fitted on.

    Attributes:
        is_extrapolating: True if the configuration or the epoch lies outside of what was fitted.
    """

    is_extrapolating: bool = False


class SurrogateBenchmark(Benchmark):
    """Predictions of every metric the surrogate was fitted on, by trees in numpy.

    A surrogate knows no seeds, but how far they scatter; it answers epochs 1 to the table's last.
    """

    def __init__(self, release: Path, manifest: Manifest) -> None:
        super().__init__(release, manifest)
        self._surrogate = FittedSurrogate.load(release / "surrogate", self.space)
        self.metrics = tuple(m for m in self.metrics if m.name in self._surrogate.trees)

    def __call__(
        self,
        query: Query,
        epoch: int | None = None,
        *,
        seed: int | None = None,
        horizon: int | None = None,
        draw: int | None = None,
    ) -> SurrogateAnswer:
        """Return the predicted metrics; without ``epoch``, those of the table's last epoch.

        With ``draw``, what one training might have given: the prediction and the noise between
        seeds, the same for the same draw and configuration, at any epoch on the same side.
        Args and errors: see :meth:`Benchmark.__call__`; ``seed`` must be None.

        Raises:
            NepsbenchError: If there is no noise to draw from, or ``draw`` is no whole number.
        """
        at = self.max_epoch if epoch is None else checked_epoch(epoch, self.max_epoch)
        self._check(seed, horizon)
        codes = self._codes(query)
        answer = SurrogateAnswer(self._surrogate.at(codes, at))
        answer.is_extrapolating = self._surrogate.is_extrapolating(codes, at)
        if draw is not None:
            config_id = self.space.config_ids(codes[np.newaxis])[0]
            answer.update(drawn(self._surrogate, answer, at, config_id=config_id, draw=draw))
        return answer

    def trajectory(
        self, query: Query, *, seed: int | None = None, horizon: int | None = None
    ) -> dict[int, Answer]:
        """Return the predicted metrics of every epoch up to the table's last, by epoch."""
        self._check(seed, horizon)
        curves = self._surrogate.curves(self._codes(query), self.max_epoch)
        names, columns = list(curves), [curve.tolist() for curve in curves.values()]
        rows = zip(*columns, strict=True)
        return {epoch: dict(zip(names, row, strict=True)) for epoch, row in enumerate(rows, 1)}

    def interval(
        self, query: Query, epoch: int | None = None, *, level: float = 0.9
    ) -> dict[str, tuple[float, float]]:
        """Return where a training of the configuration lies with a probability, by metric.

        Args:
            query: See :meth:`Benchmark.__call__`.
            epoch: See there.
            level: The probability.

        Raises:
            NepsbenchError: If the surrogate was not judged, or ``level`` is not between 0 and 1.
        """
        at = self.max_epoch if epoch is None else checked_epoch(epoch, self.max_epoch)
        answer = self._surrogate.at(self._codes(query), at)
        return intervals(self._surrogate, answer, at, level=level)

    def divergence_probability(self, query: Query) -> float:
        """Return how likely a training of the configuration diverges."""
        return self._surrogate.divergence_probability(self._codes(query))

    def _codes(self, query: Query) -> FloatArray:
        return np.array(self.space.encode(parse_query(self.space, query)))

    def _check(self, seed: int | None, horizon: int | None) -> None:
        if seed is not None:
            raise NepsbenchError(
                "a surrogate has no seeds; leave seed out, use draw, or kind='table'"
            )
        if horizon is not None and (horizon,) != self.horizons:
            raise NotInTableError(
                f"the surrogate of {self.name} does not tell horizons apart; leave horizon out"
            )
