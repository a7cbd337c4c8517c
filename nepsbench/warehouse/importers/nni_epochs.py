"""From NNI's trials and epochs to a block's: the last epoch is there, and has what trials tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nepsbench.spaces.parameters import FloatArray
from nepsbench.warehouse.importers.nni_database import Batch


@dataclass(frozen=True)
class Epochs:
    """The epochs of a batch; the attributes are :class:`~.block.Block`'s."""

    trial_of_epoch: NDArray[np.int64]
    epochs: NDArray[np.int64]
    metrics: Mapping[str, FloatArray]

    def of(self, chosen: NDArray[np.int64]) -> Epochs:
        """Return the epochs of some of the trials, whose rows are counted anew."""
        new = np.full(int(self.trial_of_epoch.max(initial=-1)) + 1, -1, dtype=np.int64)
        inside = chosen[chosen < len(new)]
        new[inside] = np.flatnonzero(chosen < len(new))
        rows = new[self.trial_of_epoch]
        kept = rows >= 0
        return Epochs(
            rows[kept], self.epochs[kept], {name: v[kept] for name, v in self.metrics.items()}
        )


def epochs_of(
    batch: Batch,
    horizons: NDArray[np.int64],
    *,
    curves: Mapping[str, str],
    final: Mapping[str, FloatArray],
    after: Mapping[str, FloatArray] | None = None,
) -> Epochs:
    """Return the recorded epochs of a batch.

    Args:
        batch: The trials.
        horizons: Epochs of each trial, shape (trials,).
        curves: Metrics by the column of an epoch that holds them.
        final: Metrics of each trial's last epoch; they count where it was not recorded itself.
        after: More metrics of each trial's last epoch, which no epoch has.
    """
    last = batch.epochs == horizons[batch.trial_of_epoch]
    lacking = np.setdiff1d(np.arange(len(horizons)), batch.trial_of_epoch[last])
    trial_of_epoch = np.concatenate([batch.trial_of_epoch, lacking])
    epochs = np.concatenate([batch.epochs, horizons[lacking]])
    metrics = {
        name: np.concatenate([batch.curves[column], final[name][lacking]])
        for column, name in curves.items()
    }
    for name, values in (after or {}).items():
        is_last = epochs == horizons[trial_of_epoch]
        metrics[name] = np.where(is_last, values[trial_of_epoch], np.nan)
    return Epochs(trial_of_epoch, epochs, metrics)
