"""One setting's score: how well it ranks configurations that were left out, several times."""

from __future__ import annotations

import numpy as np

from nepsbench.schema import METRICS_BY_NAME
from nepsbench.surrogate.boosting import Boosting
from nepsbench.surrogate.encoder import Encoder
from nepsbench.surrogate.fitting import TrainingData, fit_metric
from nepsbench.surrogate.scores import score
from nepsbench.surrogate.splits import hold_out

_LEFT_OUT = 0.25


def cross_validated(
    data: TrainingData, boosting: Boosting, *, metric: str, folds: int, seed: int
) -> float:
    """Return Kendall's tau at the metric's last epoch, mean of several grouped splits.

    Where a split's tau is not defined, it counts as 0: such settings tell nothing apart.

    Args:
        data: What may be looked at.
        boosting: The settings.
        metric: What is predicted.
        folds: How many splits.
        seed: Of the splits and fits.
    """
    end, known = data.metrics[metric].at_the_end(), METRICS_BY_NAME[metric]
    encoder, taus = Encoder(data.space, {}), []
    for fold in range(folds):
        out = hold_out(data.groups, part=_LEFT_OUT, seed=seed + fold)
        test = end.only(out[end.trial])
        fitted = fit_metric(data, known, ~out, boosting=boosting, seed=seed + fold, threads=1)
        if fitted is None or not test.value.size:
            continue
        target, model = fitted
        features = encoder.features(data.codes[test.trial], test.epoch)
        predicted = target.inverse(model.trees.predict(features), test.epoch)
        taus.append(score(test.value, predicted)["kendall_tau"] or 0.0)
    return float(np.mean(taus)) if taus else 0.0
