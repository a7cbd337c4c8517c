"""The main metric beside baselines, with fewer trials, and in regions that were never seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nepsbench.schema import METRICS_BY_NAME
from nepsbench.surrogate.baselines import baselines
from nepsbench.surrogate.features import plain_map
from nepsbench.surrogate.fitting import MetricRows, fit_metric
from nepsbench.surrogate.scores import Score, score
from nepsbench.surrogate.splits import hold_out, regions

if TYPE_CHECKING:
    from nepsbench.surrogate.evaluation import Judged

#: Parts of the fitted configurations on which the learning curve is fitted, beside all of them.
_PARTS = (0.25, 0.5)
_REGIONS = 4
#: Rows at the last epoch; a baseline of many would take long.
_MOST_ROWS = 5000


def against_baselines(judged: Judged) -> dict[str, Score]:
    """Return the scores at the last epoch, of the surrogate and of what it has to beat."""
    part = _at_end(judged, judged.test)
    known = _at_end(judged, ~judged.test)
    if not (part.value.size and known.value.size):
        return {}
    found = {"surrogate": score(part.value, judged.predicted(judged.main, part))}
    encoder, codes = plain_map(judged.data.space), judged.data.codes
    features, others = (
        encoder.features(codes[rows.trial], rows.epoch).astype(np.float64) for rows in (known, part)
    )
    for name, predict in baselines().items():
        found[name] = score(part.value, predict(features, known.value, others))
    return found


def learning_curve(judged: Judged) -> list[dict[str, Any]]:
    """Return the scores at the last epoch by the number of configurations fitted on."""
    test = _at_end(judged, judged.test)
    curve = []
    for part in _PARTS:
        left_out = hold_out(judged.data.groups, part=1 - part, seed=judged.seed + 1)
        curve.append(_fitted_on(judged, ~judged.test & ~left_out, test))
    whole = score(test.value, judged.predicted(judged.main, test)) if test.value.size else {}
    return [
        *(each for each in curve if each),
        {"configurations": _count(judged, ~judged.test), **whole},
    ]


def left_out_regions(judged: Judged) -> list[dict[str, Any]]:
    """Return the scores at the last epoch in regions of which nothing was fitted."""
    data, found = judged.data, []
    for title, inside in regions(data.space, data.codes, most=_REGIONS):
        scores = _fitted_on(judged, ~inside, _at_end(judged, inside))
        if scores:
            found.append({"region": title, **scores})
    return found


def _fitted_on(judged: Judged, chosen: NDArray[np.bool_], test: MetricRows) -> dict[str, Any]:
    """Return the scores of the main metric fitted on some trials; nothing if there are none."""
    data, metric = judged.data, METRICS_BY_NAME[judged.main]
    fitted = fit_metric(
        data, metric, chosen, boosting=judged.boosting, seed=judged.seed, threads=judged.threads
    )
    if fitted is None or not test.value.size:
        return {}
    target, model = fitted
    features = judged.fitted.encoder.features(data.codes[test.trial], test.epoch)
    predicted = target.inverse(model.trees.predict(features), test.epoch)
    return {"configurations": _count(judged, chosen), **score(test.value, predicted)}


def _at_end(judged: Judged, chosen: NDArray[np.bool_]) -> MetricRows:
    rows = judged.data.metrics[judged.main].at_the_end()
    return rows.only(np.flatnonzero(chosen[rows.trial])[:_MOST_ROWS])


def _count(judged: Judged, chosen: NDArray[np.bool_]) -> int:
    return len({name for name, yes in zip(judged.data.config_ids, chosen, strict=True) if yes})
