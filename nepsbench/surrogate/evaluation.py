"""Judge a surrogate on configurations that it has not seen: the surrogate card."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nepsbench.schema import METRICS_BY_NAME
from nepsbench.spaces import Categorical, get_space
from nepsbench.spaces.parameters import FloatArray
from nepsbench.surrogate.boosting import Boosting
from nepsbench.surrogate.calibration import calibrated
from nepsbench.surrogate.comparison import against_baselines, learning_curve, left_out_regions
from nepsbench.surrogate.fitting import DEFAULT_SEED, MetricRows, TrainingData, fit_part
from nepsbench.surrogate.fitting import training_data as collect
from nepsbench.surrogate.models import Card, FittedSurrogate
from nepsbench.surrogate.scores import Score, ranking, score
from nepsbench.surrogate.splits import hold_out
from nepsbench.surrogate.targets import main_metric

if TYPE_CHECKING:
    import pyarrow as pa

#: Raised with every change of what a card means.
CARD_VERSION = 2
#: The part of the configurations that a card is made of.
HELD_OUT = 0.2
_EPOCHS_SHOWN = 10
_POINTS_SHOWN = 400


@dataclass(frozen=True)
class Judged:
    """A surrogate fitted on a part of the trials, and the other trials.

    Attributes:
        fitted: Fitted where ``test`` is false.
        data: All trials.
        test: Which trials are held out.
        boosting: Settings of the fit.
        seed: Of split and fit.
        threads: CPU threads.
    """

    fitted: FittedSurrogate
    data: TrainingData
    test: NDArray[np.bool_]
    boosting: Boosting
    seed: int
    threads: int

    @cached_property
    def main(self) -> str:
        """The metric by which the benchmark is told in brief."""
        return main_metric(name for name in self.fitted.trees if name in self.data.metrics)

    def held_out(self, name: str) -> MetricRows:
        """Return the values of a metric that were held out."""
        rows = self.data.metrics[name]
        return rows.only(self.test[rows.trial])

    def predicted(self, name: str, rows: MetricRows) -> FloatArray:
        """Return what is predicted for such values."""
        return self.fitted.predict_metric(name, self.data.codes[rows.trial], rows.epoch)


def evaluate(
    trials: pa.Table,
    epochs: pa.Table,
    *,
    space: str,
    seed: int = DEFAULT_SEED,
    threads: int = 1,
    held_out: float = HELD_OUT,
    boosting: Boosting | None = None,
) -> Card:
    """Fit on a part of the configurations, and score the predictions for the others.

    All trials of a configuration, and of those that are isomorphic to it, are on one side of the
    split. ``overall`` scores all rows held out, ``last_epoch`` those at the benchmark's last epoch
    (ranking whole trainings, which is what optimisers need). A score is None where it is not
    defined: fewer than two different values.

    Returns:
        The surrogate card: what JSON can say.

    Raises:
        NepsbenchError: If there are fewer than two configurations, or an extra is not installed.
    """
    data = collect(trials, epochs, get_space(space))
    test = held_out_of(data, part=held_out, seed=seed)
    boosting = boosting or Boosting.for_size(len(np.unique(data.groups[~test])))
    fitted = fit_part(data, ~test, seed=seed, threads=threads, boosting=boosting)
    return card_of(Judged(fitted, data, test, boosting, seed, threads), held_out=held_out)


def held_out_of(
    data: TrainingData, *, part: float = HELD_OUT, seed: int = DEFAULT_SEED
) -> NDArray[np.bool_]:
    """Return the trials that a card is made of, and that nothing else may look at."""
    return hold_out(data.groups, part=part, seed=seed)


def card_of(judged: Judged, *, held_out: float) -> Card:
    """Return the card of a surrogate that was fitted on a part."""
    data, test = judged.data, judged.test
    configurations = np.array(data.config_ids)
    noise, calibration = calibrated(judged)
    return {
        "card_version": CARD_VERSION,
        "space": data.space.name,
        "space_version": data.space.version,
        "split": {
            "by": "config_id, with isomorphic architectures",
            "seed": judged.seed,
            "held_out": held_out,
            "configurations_fitted": len(np.unique(configurations[~test])),
            "configurations_held_out": len(np.unique(configurations[test])),
        },
        "boosting": asdict(judged.boosting),
        "metrics": _score_metrics(judged),
        "main": {
            "metric": judged.main,
            "by_epoch": _by_epoch(judged),
            "by_fidelity": _by_fidelity(judged),
            "points": _points(judged),
            "baselines": against_baselines(judged),
            "learning_curve": learning_curve(judged),
            "left_out_regions": left_out_regions(judged),
        },
        "calibration": calibration,
        "noise": noise,
    }


def _score_metrics(judged: Judged) -> dict[str, dict[str, Score]]:
    last_epoch = judged.data.last_epoch
    scores: dict[str, dict[str, Score]] = {}
    for name in judged.data.metrics:
        metric = METRICS_BY_NAME[name]
        if name not in judged.fitted.trees or not (part := judged.held_out(name)).value.size:
            continue
        predicted = judged.predicted(name, part)
        scores[name] = {"overall": score(part.value, predicted)}
        if metric.table == "epochs":
            at_end = part.epoch == last_epoch
            scores[name]["last_epoch"] = score(part.value[at_end], predicted[at_end])
            if at_end.any() and metric.direction:
                found = ranking(part.value[at_end], predicted[at_end], metric.direction)
                scores[name]["last_epoch"] |= found
    return scores


def _by_epoch(judged: Judged) -> list[dict[str, Any]]:
    part = judged.held_out(judged.main)
    epochs = np.unique(part.epoch)
    places = np.unique(np.geomspace(1, len(epochs), _EPOCHS_SHOWN).astype(int)) - 1
    return [{"epoch": int(e), **_scored(judged, part, part.epoch == e)} for e in epochs[places]]


def _by_fidelity(judged: Judged) -> list[dict[str, Any]]:
    space, codes = judged.data.space, judged.data.codes
    part = judged.held_out(judged.main)
    found = []
    for name in space.fidelities:
        parameter = space.parameter(name)
        column = codes[part.trial, space.names.index(name)]
        if isinstance(parameter, Categorical) and len(parameter.choices) <= _EPOCHS_SHOWN:
            for code, choice in enumerate(parameter.choices):
                found.append(
                    {"fidelity": name, "value": choice, **_scored(judged, part, column == code)}
                )
    return found


def _scored(judged: Judged, part: MetricRows, chosen: NDArray[np.bool_]) -> Score:
    rows = part.only(chosen)
    if not rows.value.size:
        return score(rows.value, rows.value)
    return score(rows.value, judged.predicted(judged.main, rows))


def _points(judged: Judged) -> dict[str, list[float]]:
    """Return measured and predicted values at the last epoch, some of them, to be drawn."""
    part = judged.held_out(judged.main)
    last = part.epoch == part.epoch.max() if part.epoch.size else np.zeros(0, dtype=bool)
    places = np.flatnonzero(last)[:_POINTS_SHOWN]
    rows = part.only(places)
    predicted = judged.predicted(judged.main, rows) if places.size else rows.value
    return {"measured": rows.value.round(4).tolist(), "predicted": predicted.round(4).tolist()}
