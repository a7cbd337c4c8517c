"""How the optimisers of one study or several stand: the numbers of the leaderboard."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from nepsbench.errors import SpecError
from nepsbench.schema import METRICS_BY_NAME
from nepsbench.search.ranks import Ranking, ranking
from nepsbench.search.study import Study
from nepsbench.search.trajectories import Trajectory, is_maximised, trajectories
from nepsbench.spaces.parameters import FloatArray

#: Fewer searches of an optimiser are called preliminary.
ENOUGH_SEEDS = 10


@dataclass(frozen=True)
class Standing:
    """One optimiser of a study.

    Attributes:
        row: Its name.
        searches: How many.
        mean: Of what the searches had found in the end, in the metric's own unit.
        error: Standard error of the mean.
        median: Of the same.
        best: Of all searches.
        rank: Mean rank over seeds; 1 is best.
        lead: By how many standard errors of the difference it is ahead of the first row of the
            study, the baseline.
        evaluations: On average.
        seconds: Simulated, on average.
        final: Means of the incumbents' other metrics, by name.
    """

    row: str
    searches: int
    mean: float
    error: float
    median: float
    best: float
    rank: float
    lead: float
    evaluations: float
    seconds: float
    final: dict[str, float]


@dataclass(frozen=True)
class Result:
    """A study that was run, and how it came out; standings are best first."""

    study: Study
    table: pa.Table
    made: dict[str, Any]
    found: dict[str, list[Trajectory]]
    standings: tuple[Standing, ...]
    ranking: Ranking


def result_of(study: Study, table: pa.Table, made: dict[str, Any]) -> Result:
    """Return how a study came out."""
    found = trajectories(study, table)
    ranked = ranking(list(found), errors_of(study, found))
    up = 1.0 if is_maximised(study) else -1.0
    baseline = _ends(next(iter(found.values())))
    standings = [
        _standing(row, searches, rank, up, baseline)
        for (row, searches), rank in zip(found.items(), ranked.ranks, strict=True)
    ]
    standings.sort(key=lambda one: (math.isnan(one.mean), -up * one.mean))
    return Result(study, table, made, found, tuple(standings), ranked)


def errors_of(study: Study, found: dict[str, list[Trajectory]]) -> FloatArray:
    """Return what each search left to be desired, shape (seeds, optimisers): small is good."""
    ends = np.array([_ends(searches) for searches in found.values()]).T
    if not is_maximised(study):
        return ends
    is_percent = len(study.metrics) == 1 and METRICS_BY_NAME[study.metrics[0]].unit == "%"
    return (100.0 if is_percent else 0.0) - ends


def joint_ranking(results: Sequence[Result]) -> Ranking:
    """Return the ranking of optimisers that several studies have in common, over their seeds.

    Raises:
        SpecError: If they have not the same optimisers.
    """
    rows = [entry.row for entry in results[0].study.optimisers]
    blocks = []
    for result in results:
        own = list(result.found)
        if set(own) != set(rows):
            raise SpecError(
                f"study {result.study.study} compares {', '.join(own)}, and "
                f"{results[0].study.study} {', '.join(rows)}; report studies of the same optimisers"
            )
        errors = errors_of(result.study, result.found)
        blocks.append(errors[:, [own.index(row) for row in rows]])
    return ranking(rows, np.concatenate(blocks))


def _ends(searches: Sequence[Trajectory]) -> FloatArray:
    return np.array([each.value[-1] if len(each.value) else np.nan for each in searches])


def _standing(
    row: str, searches: Sequence[Trajectory], rank: float, up: float, baseline: FloatArray
) -> Standing:
    ends = _ends(searches)
    known = ends[~np.isnan(ends)]
    empty = not len(known)
    mean = math.nan if empty else float(known.mean())
    error = _standard_error(known)
    against = math.hypot(error, _standard_error(baseline[~np.isnan(baseline)]))
    ahead = up * (mean - float(np.nanmean(baseline))) if not empty else math.nan
    names = dict.fromkeys(name for each in searches for name in each.final)
    return Standing(
        row=row,
        searches=len(searches),
        mean=mean,
        error=error,
        median=math.nan if empty else float(np.median(known)),
        best=math.nan if empty else float((known * up).max() * up),
        rank=rank,
        lead=ahead / against if against > 0 else 0.0,
        evaluations=float(np.mean([len(each.value) for each in searches])),
        seconds=float(np.mean([each.ended[-1] if len(each.ended) else 0.0 for each in searches])),
        final={name: _mean([each.final.get(name, math.nan) for each in searches])
               for name in names},
    )  # fmt: skip


def _standard_error(values: FloatArray) -> float:
    if len(values) < 2:
        return math.nan
    return float(values.std(ddof=1) / math.sqrt(len(values)))


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan
