"""Answers from the surrogate: predictions for any configuration of the space."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nepsbench.client.benchmark import Answer, Benchmark, Query, checked_epoch
from nepsbench.client.places import parse_query
from nepsbench.errors import NepsbenchError, NotInTableError
from nepsbench.release.manifest import Manifest
from nepsbench.surrogate.models import FittedSurrogate


class SurrogateBenchmark(Benchmark):
    """CatBoost predictions of every metric the surrogate was fitted on.

    A surrogate knows no seeds and no divergence; it answers epochs 1 to the table's last.
    """

    def __init__(self, release: Path, manifest: Manifest) -> None:
        super().__init__(release, manifest)
        self._surrogate = FittedSurrogate.load(release / "surrogate", self.space)
        self.metrics = tuple(m for m in self.metrics if m.name in self._surrogate.models)

    def __call__(
        self,
        query: Query,
        epoch: int | None = None,
        *,
        seed: int | None = None,
        horizon: int | None = None,
        draw: int | None = None,
    ) -> Answer:
        """Return the predicted metrics; without ``epoch``, those of the table's last epoch.

        Args and errors: see :meth:`Benchmark.__call__`; ``seed`` and ``draw`` must be None.
        """
        at = self.max_epoch if epoch is None else checked_epoch(epoch, self.max_epoch)
        self._check(draw, horizon)
        return self._predict(query, np.array([at]), seed)[at]

    def trajectory(
        self, query: Query, *, seed: int | None = None, horizon: int | None = None
    ) -> dict[int, Answer]:
        """Return the predicted metrics of every epoch up to the table's last, by epoch."""
        self._check(None, horizon)
        return self._predict(query, np.arange(1, self.max_epoch + 1), seed)

    def _predict(
        self, query: Query, epochs: NDArray[np.int64], seed: int | None
    ) -> dict[int, Answer]:
        self._check(seed, None)
        codes = np.tile(self.space.encode(parse_query(self.space, query)), (len(epochs), 1))
        predicted = self._surrogate.predict(codes, epochs.astype(np.float64))
        columns = {name: values.tolist() for name, values in predicted.items()}
        return {
            epoch: {name: values[row] for name, values in columns.items()}
            for row, epoch in enumerate(epochs.tolist())
        }

    def _check(self, seed: int | None, horizon: int | None) -> None:
        if seed is not None:
            raise NepsbenchError("a surrogate has no seeds; leave seed out, or use kind='table'")
        if horizon is not None and (horizon,) != self.horizons:
            raise NotInTableError(
                f"the surrogate of {self.name} does not tell horizons apart; leave horizon out"
            )
