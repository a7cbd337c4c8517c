"""What a search had found after so many evaluations, and after so many simulated seconds.

The incumbent is the best of the largest fidelity that was evaluated so far: a small fidelity's
errors are not comparable with a large one's (so does BOHB, appendix of its paper). What is shown of
it is the metric of its whole training, where that is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nepsbench.schema import METRICS_BY_NAME
from nepsbench.search.hypervolume import hypervolume, nondominated
from nepsbench.search.study import Study
from nepsbench.spaces.parameters import FloatArray

#: Points in time at which trajectories are compared.
_MOMENTS = 200


@dataclass(frozen=True)
class Trajectory:
    """One search.

    Attributes:
        seed: Its seed.
        ended: Simulated seconds at which each evaluation ended, ascending.
        value: What the search had found then; NaN before anything was found.
        final: Other metrics of the incumbent in the end, by name.
    """

    seed: int
    ended: FloatArray
    value: FloatArray
    final: Mapping[str, float]

    def at(self, moments: FloatArray) -> FloatArray:
        """Return what it had found at some moments."""
        places = np.searchsorted(self.ended, moments, side="right")
        return np.concatenate([[np.nan], self.value])[places]

    def after(self, evaluations: int) -> FloatArray:
        """Return what it had found after 1, 2, ... evaluations; one that ended early stays."""
        if not len(self.value):
            return np.full(evaluations, np.nan)
        found = self.value[:evaluations]
        return np.concatenate([found, np.full(evaluations - len(found), found[-1])])


@dataclass(frozen=True)
class Curve:
    """Many searches of one optimiser, along evaluations or time.

    Attributes:
        x: Evaluations or simulated seconds.
        mean: Over the searches that had found something.
        error: Standard error of the mean.
        counted: How many searches that were.
    """

    x: FloatArray
    mean: FloatArray
    error: FloatArray
    counted: NDArray[np.int64]


def is_maximised(study: Study) -> bool:
    """Return True if more is better: of the first metric, or of a hypervolume."""
    if len(study.metrics) > 1:
        return True
    return METRICS_BY_NAME[study.metrics[0]].direction == "max"


def trajectories(study: Study, table: pa.Table) -> dict[str, list[Trajectory]]:
    """Return the trajectory of every search, by the optimiser's row, in order of seeds."""
    columns = {name: table[name].to_pylist() for name in _names(study)}
    found: dict[str, dict[int, list[int]]] = {entry.row: {} for entry in study.optimisers}
    for place, (row, seed) in enumerate(zip(columns["optimiser"], columns["seed"], strict=True)):
        found[row].setdefault(seed, []).append(place)
    of = _front if len(study.metrics) > 1 else _incumbent
    return {
        row: [
            of(study, seed, {name: [values[p] for p in places] for name, values in columns.items()})
            for seed, places in sorted(searches.items())
        ]
        for row, searches in found.items()
    }


def by_evaluations(searches: Sequence[Trajectory], evaluations: int) -> Curve:
    """Return the mean over searches after 1, 2, ... evaluations."""
    return _curve(np.arange(1.0, evaluations + 1), [each.after(evaluations) for each in searches])


def by_time(searches: Sequence[Trajectory], moments: FloatArray) -> Curve:
    """Return the mean over searches at some moments."""
    return _curve(moments, [each.at(moments) for each in searches])


def moments_of(found: Mapping[str, Sequence[Trajectory]], seconds: float | None) -> FloatArray:
    """Return the moments at which all optimisers are compared, evenly in the logarithm.

    From the first moment at which every optimiser has found something in some search, to the
    budget, or else to the latest end.
    """
    ends = [each.ended for searches in found.values() for each in searches if len(each.ended)]
    last = seconds or max((end[-1] for end in ends), default=1.0)
    firsts = [min((e.ended[0] for e in searches if len(e.ended)), default=last)
              for searches in found.values()]  # fmt: skip
    first = min(max([*firsts, last * 1e-4]), last)
    return np.geomspace(first, last, _MOMENTS) if first < last else np.array([last])


def _curve(x: FloatArray, rows: Sequence[FloatArray]) -> Curve:
    values = np.array(rows)
    known = ~np.isnan(values)
    counted = known.sum(axis=0)
    most = np.maximum(counted, 1)
    mean = np.where(known, values, 0.0).sum(axis=0) / most
    squares = np.where(known, (values - mean) ** 2, 0.0).sum(axis=0)
    error = np.sqrt(squares / np.maximum(counted - 1, 1) / most)
    return Curve(x, np.where(counted, mean, np.nan), np.where(counted > 1, error, np.nan), counted)


def _names(study: Study) -> list[str]:
    final = [f"final_{name}" for name in study.finals]
    return ["optimiser", "seed", "fidelity", "ended", *study.metrics, *final]


def _sign(metric: str) -> float:
    """Return what makes more of a metric worse."""
    return -1.0 if METRICS_BY_NAME[metric].direction == "max" else 1.0


def _incumbent(study: Study, seed: int, columns: Mapping[str, list[float | None]]) -> Trajectory:
    metric = study.metrics[0]
    sign, shown = _sign(metric), columns[f"final_{metric}"]
    best: tuple[float, float] | None = None
    place, value = -1, []
    for row, (fidelity, found) in enumerate(zip(columns["fidelity"], columns[metric], strict=True)):
        if found is not None:
            assert fidelity is not None
            rank = (-fidelity, sign * found)
            if best is None or rank < best:
                best, place = rank, row
        now = None if place < 0 else shown[place]
        value.append(np.nan if now is None else now)
    final = {
        name: float("nan") if (end := columns[f"final_{name}"][place]) is None else end
        for name in study.finals
    } if place >= 0 else {}  # fmt: skip
    ended = np.array(columns["ended"], dtype=np.float64)
    return Trajectory(seed, ended, np.array(value, dtype=np.float64), final)


def _front(study: Study, seed: int, columns: Mapping[str, list[float | None]]) -> Trajectory:
    signs = [_sign(metric) for metric in study.metrics]
    reference = tuple(s * study.reference[m] for s, m in zip(signs, study.metrics, strict=True))
    front: list[tuple[float, ...]] = []
    volume, value = 0.0, []
    for found in zip(*(columns[f"final_{metric}"] for metric in study.metrics), strict=True):
        if all(each is not None for each in found):
            point = tuple(s * x for s, x in zip(signs, found, strict=True) if x is not None)
            after = nondominated([*front, point])
            if after != front:
                front, volume = after, hypervolume(after, reference)
        value.append(volume)
    ended = np.array(columns["ended"], dtype=np.float64)
    return Trajectory(seed, ended, np.array(value), {})
