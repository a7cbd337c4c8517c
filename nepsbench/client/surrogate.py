"""Answers from the surrogate: predictions for any configuration of the space."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nepsbench.client.benchmark import Answer, Benchmark, checked_epoch
from nepsbench.errors import NepsbenchError
from nepsbench.release.manifest import Manifest
from nepsbench.spaces import Scalar
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
        configuration: Mapping[str, Scalar],
        epoch: int | None = None,
        *,
        seed: int | None = None,
    ) -> Answer:
        """Return the predicted metrics; without ``epoch``, those of the table's last epoch.

        Args and errors: see :meth:`Benchmark.__call__`; ``seed`` must be None.
        """
        at = self.max_epoch if epoch is None else checked_epoch(epoch, self.max_epoch)
        return self._predict(configuration, np.array([at]), seed)[at]

    def trajectory(
        self, configuration: Mapping[str, Scalar], *, seed: int | None = None
    ) -> dict[int, Answer]:
        """Return the predicted metrics of every epoch up to the table's last, by epoch."""
        return self._predict(configuration, np.arange(1, self.max_epoch + 1), seed)

    def _predict(
        self, configuration: Mapping[str, Scalar], epochs: NDArray[np.int64], seed: int | None
    ) -> dict[int, Answer]:
        if seed is not None:
            raise NepsbenchError("a surrogate has no seeds; leave seed out, or use kind='table'")
        codes = np.tile(self.space.encode(configuration), (len(epochs), 1))
        predicted = self._surrogate.predict(codes, epochs.astype(np.float64))
        columns = {name: values.tolist() for name, values in predicted.items()}
        return {
            epoch: {name: values[row] for name, values in columns.items()}
            for row, epoch in enumerate(epochs.tolist())
        }
