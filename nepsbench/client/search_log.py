"""The log of a search: what was asked, what it gave, what it cost, and the best so far.

    >>> log = SearchLog(bench, seconds=20_000)                       # doctest: +SKIP
    >>> while not log.is_spent:                                      # doctest: +SKIP
    ...     log(bench.space.at(optimiser.propose()))["valid_acc"]
    >>> log.results()["best_acc_trans"][-1]                          # doctest: +SKIP

The names of its lists are those of NAS-HPO-Bench-II's interface: ``acc_trans``, ``key_trans``,
``best_acc_trans``, ``best_key_trans``, ``total_cost_trans``, ``final_accs``. A *key* here is a
configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from nepsbench.client.budget import Budget, Spent
from nepsbench.client.costs import CostMode, Queryable, checked_mode, curve_cost, curve_to
from nepsbench.client.places import parse_query
from nepsbench.errors import (
    BudgetSpentError,
    NepsbenchError,
    NotInTableError,
    VersionMismatchError,
)
from nepsbench.spaces import Configuration


@dataclass(frozen=True, slots=True)
class Entry:
    """One query of a search.

    Attributes:
        key: The configuration.
        epoch: The epoch that answered.
        start: The epoch from which training went on; 0 is from the beginning.
        horizon: As asked for; None is the benchmark's largest.
        seed: As asked for; None without ``draw`` is the mean over the seeds.
        draw: As asked for: which seed, where the benchmark chooses it.
        value: The metric that the search is after.
        cost: Simulated seconds.
    """

    key: Configuration
    epoch: int
    start: int
    horizon: int | None
    seed: int | None
    draw: int | None
    value: float
    cost: float

    @property
    def epochs(self) -> int:
        """Epochs that were trained for it."""
        return max(self.epoch - self.start, 0)


@dataclass(frozen=True)
class Settings:
    """How a search is logged; equal settings and queries give an equal log.

    Attributes:
        benchmark: Name of the benchmark.
        version: Its version.
        metric: What the search is after.
        mode: Which passes are paid for, see :mod:`nepsbench.client.costs`; None counts no seconds.
        continues: True if training goes on from the last epoch asked for of the same configuration,
            horizon and seed, so that only the epochs behind it cost something.
        budget: What may be spent.
    """

    benchmark: str
    version: str
    metric: str
    mode: CostMode | None
    continues: bool
    budget: Budget


class SearchLog:
    """Any benchmark object with a log around it, to be asked in its place.

    A query that begins before the budget is spent is answered and logged; the next one raises
    ``BudgetSpentError``. What raises any other error costs nothing and is not logged.

    Args:
        bench: A table, surrogate or live benchmark, or anything that has their call and
            ``trajectory``.
        metric: What the search is after; its direction stands in the metric dictionary.
        mode: ``train``, ``valid`` or ``test``: which passes are paid for. None counts no seconds,
            for benchmarks that tell none.
        continues: True if training goes on from checkpoints: from epoch a to b costs b's seconds
            less a's, and an epoch that was passed already costs nothing. Otherwise every query is
            paid in full, as the published interfaces count.
        seconds: Budget of simulated seconds.
        queries: Budget of queries.
        epochs: Budget of epochs.
        raises: False to answer and log beyond the budget; ``is_spent`` tells.

    Raises:
        NepsbenchError: If the metric has no direction or is not in the benchmark, or an argument is
            out of range.
    """

    def __init__(
        self,
        bench: Queryable,
        *,
        metric: str = "valid_acc",
        mode: CostMode | None = "valid",
        continues: bool = False,
        seconds: float | None = None,
        queries: int | None = None,
        epochs: int | None = None,
        raises: bool = True,
    ) -> None:
        if mode is None and seconds is not None:
            raise NepsbenchError("a budget of seconds needs a cost mode: train, valid or test")
        if mode is not None:
            checked_mode(mode)
        self.bench = bench
        self.sign = direction_sign(bench, metric)
        self.settings = Settings(
            benchmark=bench.name,
            version=bench.version,
            metric=metric,
            mode=mode,
            continues=continues,
            budget=Budget(seconds, queries, epochs),
        )
        self.raises = raises
        self.reset()

    def reset(self) -> None:
        """Forget all entries and set the counters to zero; the budget stays."""
        self.entries: list[Entry] = []
        self.spent = Spent()
        self.best: Entry | None = None
        self._best_trans: list[Entry] = []
        self._trained: dict[tuple[Any, ...], int] = {}

    def __getattr__(self, name: str) -> Any:
        """Everything else is the benchmark's own, neither logged nor paid for."""
        if name == "bench":  # not set yet: a copy is being made
            raise AttributeError(name)
        return getattr(self.bench, name)

    @property
    def is_spent(self) -> bool:
        """True if no more queries are in the budget."""
        return self.settings.budget.reached(self.spent) is not None

    def __len__(self) -> int:
        """Return the number of entries."""
        return len(self.entries)

    def __call__(
        self,
        query: Any,
        epoch: int | None = None,
        *,
        seed: int | None = None,
        horizon: int | None = None,
        draw: int | None = None,
    ) -> dict[str, float]:
        """Return the benchmark's answer, and log it.

        Raises:
            BudgetSpentError: If the budget is spent.
            NotInTableError: If the metric, or what it cost, is not recorded; or as the benchmark
                does.
        """
        reached = self.settings.budget.reached(self.spent)
        if reached and self.raises:
            raise BudgetSpentError(
                f"the budget of this search on {self.name} is spent: {reached}; reset() starts anew"
            )
        query, key = self._named(query)
        asked = {"seed": seed, "horizon": horizon, "draw": draw}
        chosen = {name: value for name, value in asked.items() if value is not None}
        answer, end, cost_from = self._asked(query, epoch, chosen)
        if self.settings.metric not in answer:
            raise NotInTableError(
                f"{self.name} has no {self.settings.metric} of epoch {end} of this configuration"
            )
        start = 0
        if self.settings.continues:
            start = min(self._trained.get((*key.values(), seed, horizon, draw), 0), end)
        value = answer[self.settings.metric]
        cost = 0.0 if self.settings.mode is None else cost_from(start)
        self.append(Entry(key, end, start, horizon, seed, draw, value, cost))
        return answer

    def append(self, entry: Entry) -> None:
        """Add an entry as if it had been asked."""
        self.entries.append(entry)
        self.spent = self.spent.plus(entry.cost, entry.epochs)
        if self.best is None or self.sign * entry.value > self.sign * self.best.value:
            self.best = entry
        self._best_trans.append(self.best)
        if self.settings.continues:
            trained = (*entry.key.values(), entry.seed, entry.horizon, entry.draw)
            self._trained[trained] = max(self._trained.get(trained, 0), entry.epoch)

    @property
    def acc_trans(self) -> list[float]:
        """The metric of every query, in order; an accuracy, unless another metric was chosen."""
        return [entry.value for entry in self.entries]

    @property
    def key_trans(self) -> list[Configuration]:
        """The configuration of every query."""
        return [entry.key for entry in self.entries]

    @property
    def best_acc_trans(self) -> list[float]:
        """After every query, the best value so far."""
        return [entry.value for entry in self._best_trans]

    @property
    def best_key_trans(self) -> list[Configuration]:
        """After every query, the configuration of the best value so far: the incumbent."""
        return [entry.key for entry in self._best_trans]

    @property
    def total_cost_trans(self) -> list[float]:
        """After every query, the simulated seconds spent so far."""
        return list(accumulate(entry.cost for entry in self.entries))

    def final_accs(
        self, horizons: Sequence[int] | None = None, *, metric: str | None = None
    ) -> list[float]:
        """Return a metric of the incumbent, trained to the end; neither logged nor paid for.

        Args:
            horizons: A value for each of these; default all that the benchmark has, ascending.
            metric: Default: ``test_acc`` for a search by ``valid_acc``, and so on; where the
                benchmark has none, the metric of the search.

        Raises:
            NepsbenchError: If nothing was asked yet.
            NotInTableError: If it is not recorded.
        """
        if self.best is None:
            raise NepsbenchError(f"this search on {self.name} has asked nothing yet")
        wanted = metric or self._final_metric()
        known = getattr(self.bench, "horizons", ())
        if horizons is None and len(known) > 1:
            horizons = known
        found = []
        for chosen in [{"horizon": horizon} for horizon in horizons or ()] or [{}]:
            answer = self.bench(self.best.key, **chosen)
            if wanted not in answer:
                raise NotInTableError(
                    f"{self.name} has no {wanted} of the best configuration {chosen or ''}".rstrip()
                )
            found.append(answer[wanted])
        return found

    def results(
        self, horizons: Sequence[int] | None = None, *, metric: str | None = None
    ) -> dict[str, list[Any]]:
        """Return all six lists by name; arguments and errors as of :meth:`final_accs`."""
        return {
            "acc_trans": self.acc_trans,
            "key_trans": self.key_trans,
            "best_acc_trans": self.best_acc_trans,
            "best_key_trans": self.best_key_trans,
            "total_cost_trans": self.total_cost_trans,
            "final_accs": self.final_accs(horizons, metric=metric),
        }

    def save(self, path: str | Path) -> None:
        """Write the log to a file, whole or not at all: ``.json``, or ``.csv``.

        Raises:
            NepsbenchError: If the name ends in neither, or the file cannot be written.
        """
        from nepsbench.client.search_log_files import write_log

        write_log(Path(path), self.settings, self.entries)

    @classmethod
    def load(cls, path: str | Path, bench: Queryable, *, raises: bool = True) -> SearchLog:
        """Return the log that :meth:`save` wrote, ready to go on.

        Raises:
            CorruptedFileError: If the file is no such log.
            VersionMismatchError: If it is of another benchmark or version.
        """
        from nepsbench.client.search_log_files import read_log

        settings, entries = read_log(Path(path))
        if (settings.benchmark, settings.version) != (bench.name, bench.version):
            raise VersionMismatchError(
                f"{path} is the log of a search on {settings.benchmark} {settings.version}, not on "
                f"{bench.name} {bench.version}; load that benchmark"
            )
        log = cls(bench, metric=settings.metric, raises=raises)
        log.settings = settings
        for entry in entries:
            log.append(entry)
        return log

    def _named(self, query: Any) -> tuple[Any, Configuration]:
        """Return what is asked fastest, and the configuration that it stands for."""
        bench: Any = self.bench
        if hasattr(bench, "number_of") and hasattr(bench, "configuration"):
            number = bench.number_of(query)
            return number, bench.configuration(number)
        return query, parse_query(bench.space, query)

    def _asked(
        self, query: Any, epoch: int | None, chosen: Mapping[str, Any]
    ) -> tuple[dict[str, float], Any, Callable[[int], float]]:
        """Return the answer, its epoch, and what tells the cost from a starting epoch on."""
        bench: Any = self.bench
        mode: Any = self.settings.mode
        if hasattr(bench, "simulated_cost"):  # no need for the curve
            end = epoch
            if end is None:
                end = max(bench.recorded(query, **chosen), default=None)
            cost = bench.simulated_cost
            return (
                bench(query, end, **chosen),
                end,
                lambda start: cost(query, end, start=start, mode=mode, **chosen),
            )
        curve = curve_to(bench, query, epoch, **chosen)
        end = max(curve) if epoch is None else epoch
        # What is not in the curve is asked for, too: the benchmark knows best why it is not there.
        answer = curve[end] if end in curve else bench(query, end, **chosen)
        return (
            answer,
            end,
            lambda start: curve_cost(curve, end, start=start, mode=mode, name=self.name),
        )

    def _final_metric(self) -> str:
        _, _, what = self.settings.metric.partition("_")
        test = f"test_{what}"
        return test if test in {m.name for m in self.metrics} else self.settings.metric


def direction_sign(bench: Queryable, metric: str) -> int:
    """Return 1 where more of a metric is better, -1 where less is.

    Raises:
        NepsbenchError: If the benchmark has no such metric, or neither is better.
    """
    known = {m.name: m for m in bench.metrics if m.direction}
    if metric not in known:
        neutral = metric in {m.name for m in bench.metrics}
        problem = (
            f"{metric} of {bench.name} is neither better high nor low"
            if neutral
            else f"{bench.name} has no metric {metric!r}"
        )
        raise NepsbenchError(f"{problem}; choose one of {', '.join(known)}")
    return 1 if known[metric].direction == "max" else -1
