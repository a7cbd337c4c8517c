"""What a release's page tells, asked from its tables by SQL: numbers alone, no form."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from nepsbench.errors import CorruptedFileError
from nepsbench.release.manifest import Manifest
from nepsbench.schema import Metric

#: Points of a distribution's histogram.
_BINS = 40
#: Epochs at which ranks are compared with those of the last.
_MOMENTS = 12
#: Of the metrics that a benchmark is judged by, the first that it has comes first.
_JUDGES = ("valid_acc", "test_acc")
_JUDGING = ("valid", "test", "ori_test")

Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class ReleaseFacts:
    """The tables of a release; trainings with the longest horizon alone.

    Attributes:
        path: The release's folder.
        manifest: Its manifest.
    """

    path: Path
    manifest: Manifest

    @cached_property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """A connection with ``trials``, ``epochs``, and ``ends``: each trial at its last epoch."""
        connection = duckdb.connect()
        trials, epochs = (self.path / f"{name}.parquet" for name in ("trials", "epochs"))
        longest = max(self.manifest.contents["horizons"])
        connection.execute(
            f"""
            create view trials as select * from '{_quoted(trials)}'
            where horizon is not distinct from {longest} or not exists (
                select 1 from '{_quoted(trials)}' where horizon = {longest});
            create view epochs as select e.* from '{_quoted(epochs)}' e
            semi join trials using (profile, taskid, model_idx);
            create table ends as select * from epochs qualify row_number() over (
                partition by profile, taskid, model_idx order by epoch desc) = 1;
            """
        )
        return connection

    def rows(self, query: str) -> Rows:
        """Return the rows of a query.

        Raises:
            CorruptedFileError: If a table cannot be read.
        """
        try:
            return self.connection.sql(query).fetchall()
        except duckdb.Error as error:
            words = " ".join(str(error).split())
            text = f"{self.path}: {words}; see nepsbench release verify"
            raise CorruptedFileError(text) from None

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        """The metrics of epochs that have a direction: validation's first, losses last."""
        found = [m for m in self.manifest.metrics if m.table == "epochs" and m.direction]
        return tuple(m for m in found if m.split in _JUDGING and m.reproducible)

    @cached_property
    def judge(self) -> Metric | None:
        """The metric that configurations are ranked by; None if the release has none."""
        named = {metric.name: metric for metric in self.metrics}
        others = [m.name for m in self.metrics if not m.name.endswith("_loss")]
        for name in (*_JUDGES, *others, *named):
            if name in named:
                return named[name]
        return None

    def histogram(self, metric: str) -> Rows:
        """Return (value, trials) of a metric at the last epoch, in bins of the same width."""
        return self.rows(
            f"""
            with finite as (select {metric} as value from ends where isfinite({metric})),
            bounds as (select min(value) as low, max(value) as high from finite)
            select low + (place + .5) * (high - low) / {_BINS}, count(value)
            from bounds, range({_BINS}) as bins(place) left join finite on place =
                least({_BINS - 1}, floor((value - low) / nullif(high - low, 0) * {_BINS}))
            group by low, high, place order by place
            """
        )

    def curves(self, metric: str, shares: Sequence[float]) -> Rows:
        """Return each epoch and the quantiles of a metric over all trials that have it then."""
        quantiles = ", ".join(f"quantile_cont({metric}, {share})" for share in shares)
        return self.rows(
            f"select epoch, {quantiles} from epochs where isfinite({metric}) "
            "group by epoch order by epoch"
        )

    def rank_by_epoch(self, metric: str) -> Rows:
        """Return some epochs and Spearman's correlation of a metric then with that at the end."""
        known = [row[0] for row in self.rows("select distinct epoch from epochs order by epoch")]
        chosen = {round(place) for place in np.linspace(0, len(known) - 1, _MOMENTS)}
        moments = ", ".join(str(known[place]) for place in sorted(chosen))
        return self.rows(
            f"""
            with pairs as (
                select e.epoch, e.{metric} as early, l.{metric} as late
                from epochs e join ends l using (profile, taskid, model_idx)
                where e.epoch in ({moments}) and isfinite(e.{metric}) and isfinite(l.{metric})
            ),
            ranked as (
                select epoch, rank() over (partition by epoch order by early)
                    + (count(*) over (partition by epoch, early) - 1) / 2 as a,
                    rank() over (partition by epoch order by late)
                    + (count(*) over (partition by epoch, late) - 1) / 2 as b from pairs
            )
            select epoch, corr(a, b) from ranked group by epoch having count(*) > 2 order by epoch
            """
        )

    def fidelities(self, metric: str) -> Rows:
        """Return of each fidelity: name, Spearman's correlation with a metric and with the time."""
        found: Rows = []
        for name in self.manifest.space["fidelities"]:
            if self._numbers(name):
                row = self.rows(
                    f"""
                    with pairs as (select t."{name}" as f, l.{metric} as m, {self._seconds} as s
                        from trials t join ends l using (profile, taskid, model_idx)),
                    ranked as (select percent_rank() over (order by f) as f,
                        percent_rank() over (order by m) as m,
                        percent_rank() over (order by s) as s
                        from pairs where isfinite(m))
                    select corr(f, m), corr(f, s) from ranked
                    """
                )[0]
                found.append((name, *row))
        return found

    def costs(self) -> Rows:
        """Return (name, median, ninth tenth, sum) of what a trial costs."""
        named = {
            **({"seconds": self._seconds} if self._seconds != "null" else {}),
            **{m.label: m.name for m in self.manifest.metrics
               if m.table == "trials" and m.name in ("params", "flops")},
            **{m.label: m.name for m in self.manifest.metrics
               if m.table == "epochs" and m.name in ("latency", "size_MB", "peak_memory_mb")},
        }  # fmt: skip
        return [
            (
                name,
                *self.rows(
                    f"select median({what}), quantile_cont({what}, .9), sum({what}) from "
                    "trials join ends l using (profile, taskid, model_idx)"
                )[0],
            )
            for name, what in named.items()
        ]

    def best(self, count: int) -> list[tuple[Mapping[str, Any], float, int]]:
        """Return the best configurations by the judge, their mean value, and of how many seeds."""
        judge = self.judge
        if judge is None:
            return []
        names = list(self.manifest.space["parameters"])
        columns = ", ".join(f'any_value("{name}")' for name in names)
        order = "desc" if judge.direction == "max" else "asc"
        rows = self.rows(
            f"select {columns}, avg({judge.name}) as value, count(*) from trials "
            f"join ends using (profile, taskid, model_idx) where isfinite({judge.name}) "
            f"group by config_id order by value {order}, config_id limit {count}"
        )
        return [(dict(zip(names, row, strict=False)), row[-2], row[-1]) for row in rows]

    def seed_noise(self, metric: str) -> tuple[int, float, float] | None:
        """Return how many configurations have several seeds, and two deviations, or None.

        The first is the median of those between seeds of one configuration, the second that
        between the means of configurations.
        """
        many, within, between = self.rows(
            f"""
            with means as (select config_id, avg({metric}) as mean, stddev_samp({metric}) as noise,
                count(*) as n from trials join ends using (profile, taskid, model_idx)
                where isfinite({metric}) group by config_id)
            select count(*) filter (n > 1), median(noise) filter (n > 1), stddev_samp(mean)
            from means
            """
        )[0]
        return (many, within, between) if many else None

    @cached_property
    def _seconds(self) -> str:
        """SQL of what a trial took: its run time, or what is published of it; ``null`` if none."""
        there = {metric.name: metric.table for metric in self.manifest.metrics}
        if "runtime" in there:
            return "l.runtime"
        if "total_time" in there:
            return "total_time"
        return "l.train_duration * horizon" if "train_duration" in there else "null"

    def _numbers(self, parameter: str) -> bool:
        choices = self.manifest.space["parameters"][parameter].get("choices", [0])
        return all(isinstance(value, int | float) for value in choices)


def card_of(release: Path) -> Mapping[str, Any] | None:
    """Return the surrogate's card that lies in the release; None if it has none."""
    file = release / "surrogate" / "card.json"
    if not file.exists():
        return None
    found: Mapping[str, Any] = json.loads(file.read_text())
    return found


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
