"""What to train next: near the best, and where surrogates of parts of the trials do not agree.

Each member of a committee is fitted on three quarters of the configurations (bagging by group).
Their spread, scaled until it is as wide as the errors that members make on what they did not see,
is how unsure the mean is: query by committee, and expected improvement (Jones et al., Journal of
Global Optimization 1998) with it. All of it happens on the metric's learning scale, so that no
accuracy above 100 is hoped for.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from nepsbench.errors import NepsbenchError
from nepsbench.schema import METRICS_BY_NAME, Metric
from nepsbench.spaces.parameters import FloatArray
from nepsbench.surrogate.boosting import Boosting
from nepsbench.surrogate.encoder import Encoder
from nepsbench.surrogate.fitting import TrainingData, fit_metric
from nepsbench.surrogate.groups import groups_of
from nepsbench.surrogate.splits import hold_out
from nepsbench.surrogate.targets import Target, learnt_epochs

MEMBERS = 6
_LEFT_OUT = 0.25
#: Quantiles by which expectations are taken, and joint draws of a whole wave.
_QUANTILES, _DRAWS = 64, 1024
#: Keeps a spread of nothing from being divided by.
_LEAST = 1e-9


@dataclass(frozen=True)
class Proposal:
    """Configurations to train next, best reason first.

    Attributes:
        metric: What they are judged by.
        epoch: After how many epochs.
        codes: Encoded, shape (count, parameters).
        near_the_front: True where chosen for the improvement expected of it, false where for how
            unsure the surrogate is; shape (count,).
        predicted: The metric, in its unit, shape (count,).
        low: Its 5 % quantile, as far as the surrogate knows, in its unit, shape (count,).
        high: Its 95 % quantile.
        best: The best that was trained, in its unit.
        expected_gain: By how much the best of them is expected to be better than ``best``, if
            predictions err independently of each other.
    """

    metric: Metric
    epoch: int
    codes: FloatArray
    near_the_front: NDArray[np.bool_]
    predicted: FloatArray
    low: FloatArray
    high: FloatArray
    best: float
    expected_gain: float


@dataclass(frozen=True)
class Committee:
    """What several surrogates say of one metric at its last epoch.

    Attributes:
        target: The learning scale.
        epoch: The epoch.
        mean: Of each row, on the learning scale, shape (rows,).
        deviation: How unsure it is, of the same shape and scale.
    """

    target: Target
    epoch: float
    mean: FloatArray
    deviation: FloatArray

    def quantile(self, probability: float) -> FloatArray:
        """Return quantiles in the metric's unit."""
        return self.at(NormalDist().inv_cdf(probability))

    def at(self, deviations: float | FloatArray) -> FloatArray:
        """Return what lies so many standard deviations above the mean, in the metric's unit."""
        values = self.mean + deviations * self.deviation
        return self.target.inverse(values, self.epoch)

    def expected_improvement(self, best: float, sign: float) -> FloatArray:
        """Return how much better than ``best`` each row is expected to be, in the unit."""
        places = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
        total = np.zeros(len(self.mean))
        for place in places.tolist():
            total += np.maximum(sign * (self.quantile(place) - best), 0.0)
        return total / _QUANTILES


def propose(
    data: TrainingData,
    pool: FloatArray,
    *,
    metric: str,
    count: int,
    seed: int,
    members: int = MEMBERS,
    threads: int = 1,
) -> Proposal:
    """Choose configurations of a pool: half near the front, half where the surrogate is unsure.

    None is isomorphic to one that was trained, or to another chosen one.

    Args:
        data: What was trained.
        pool: Encoded configurations to choose from, shape (rows, parameters).
        metric: What counts.
        count: How many to choose.
        seed: Of the committee.
        members: Its size.
        threads: CPU threads.

    Raises:
        NepsbenchError: If the metric has no values or no better end, or the pool is too small.
    """
    known = METRICS_BY_NAME.get(metric)
    if known is None or metric not in data.metrics or known.direction is None:
        there = [name for name in data.metrics if METRICS_BY_NAME[name].direction]
        raise NepsbenchError(f"no trial has a {metric} to improve; there are: {', '.join(there)}")
    sign = 1.0 if known.direction == "max" else -1.0
    ended = data.metrics[metric].at_the_end()
    best = float((sign * ended.value).max() * sign)
    committee = convene(data, known, pool, seed=seed, members=members, threads=threads)
    free = _new_ones(data, pool)
    by_gain = np.argsort(-committee.expected_improvement(best, sign)[free], kind="stable")
    by_doubt = np.argsort(-committee.deviation[free], kind="stable")
    if len(free) < count:
        raise NepsbenchError(
            f"of {len(pool)} configurations, {len(free)} are new; draw a pool of more for {count}"
        )
    front = by_gain[: (count + 1) // 2]
    unsure = by_doubt[~np.isin(by_doubt, front)][: count // 2]
    chosen = free[np.concatenate([front, unsure])]
    part = Committee(
        committee.target, committee.epoch, committee.mean[chosen], committee.deviation[chosen]
    )
    ends = part.quantile(0.05), part.quantile(0.95)
    return Proposal(
        metric=known,
        epoch=int(committee.epoch),
        codes=pool[chosen],
        near_the_front=np.arange(count) < len(front),
        predicted=part.at(0.0),
        low=np.minimum(*ends),
        high=np.maximum(*ends),
        best=best,
        expected_gain=_gain(part, best, sign, seed),
    )


def convene(
    data: TrainingData, metric: Metric, pool: FloatArray, *, seed: int, members: int, threads: int
) -> Committee:
    """Return what a committee says of a pool at the metric's last epoch."""
    end = data.metrics[metric.name].at_the_end()
    epoch = float(end.epoch[0])
    encoder = Encoder(data.space, {})
    said, unseen = [], []
    for member in range(members):
        out = hold_out(data.groups, part=_LEFT_OUT, seed=seed + member)
        boosting = Boosting.for_size(len(np.unique(data.groups[~out])))
        fitted = fit_metric(data, metric, ~out, boosting=boosting, seed=seed + member,
                            threads=threads)  # fmt: skip
        if fitted is None:
            continue
        target, model = fitted
        answers = []
        for codes in (pool, data.codes[end.trial]):
            epochs = learnt_epochs(target, metric, np.full(len(codes), epoch))
            answers.append(model.trees.predict(encoder.features(codes, epochs)))
        said.append(answers)
        unseen.append(out[end.trial])
    if len(said) < 2:
        raise NepsbenchError(f"too few configurations have a {metric.name}; train more first")
    of_pool, of_trained = (np.array(each) for each in zip(*said, strict=True))
    truth = target.forward(end.value, epoch)
    factor = _calibration(of_trained, np.array(unseen), truth)
    return Committee(target, epoch, of_pool.mean(axis=0), factor * of_pool.std(axis=0))


def _calibration(said: FloatArray, unseen: NDArray[np.bool_], truth: FloatArray) -> float:
    """Return by what the committee's spread is to be multiplied to be as wide as its errors.

    Args:
        said: Predictions of trained rows, shape (members, rows).
        unseen: Which rows a member had not seen, of the same shape.
        truth: What came out, shape (rows,).
    """
    errors = np.where(unseen, said - truth, np.nan)
    spread = said.std(axis=0)
    judged = unseen.any(axis=0)
    if not judged.any():
        return 1.0
    error = np.sqrt(np.nanmean(errors[:, judged] ** 2, axis=0))
    # Medians: a few trainings that failed to learn are no reason to doubt all others.
    return float(np.median(error) / max(float(np.median(spread[judged])), _LEAST))


def _new_ones(data: TrainingData, pool: FloatArray) -> NDArray[np.intp]:
    """Return the rows of the pool that are no twins of trained ones or of earlier rows."""
    groups = groups_of(data.space, np.vstack([data.codes, pool]))
    trained, drawn = groups[: len(data.codes)], groups[len(data.codes) :]
    _, first = np.unique(drawn, return_index=True)
    return np.sort(first[~np.isin(drawn[first], trained)])


def _gain(part: Committee, best: float, sign: float, seed: int) -> float:
    """Return the expectation of how much the best of all rows is better than ``best``."""
    draws = np.random.default_rng(seed).standard_normal((_DRAWS, len(part.mean)))
    values = np.array([sign * part.at(draw) for draw in draws])
    return float(np.maximum(values.max(axis=1) - sign * best, 0.0).mean())
