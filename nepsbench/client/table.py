"""Answers from the table: what was trained and recorded, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nepsbench.client.answering import COMPLETE, Found, Plan, answer, plan_of, spans
from nepsbench.client.benchmark import Answer, Benchmark, Query, checked_epoch
from nepsbench.client.choosing import Chooser
from nepsbench.client.column import Column, column_values
from nepsbench.client.cost_columns import CostColumns
from nepsbench.client.costs import CostMode, curve_cost
from nepsbench.client.places import places_of
from nepsbench.client.readers import (
    AnswerReaders,
    Reader,
    answer_readers,
    fast_reader,
    no_value,
    position_of,
    seed_reader,
)
from nepsbench.client.residence import Residence
from nepsbench.errors import NotInTableError
from nepsbench.release.lookup import LOOKUP, STATUSES, Block, open_lookup
from nepsbench.release.manifest import Manifest
from nepsbench.spaces import Configuration, Scalar

if TYPE_CHECKING:
    import duckdb


class TableBenchmark(Benchmark):
    """Point lookups in memory-mapped arrays: opening costs nothing that grows with the table.

    Trials that differ in their *horizon*, the length of the learning-rate schedule, are different
    trainings; an answer is of one, the longest by default. A configuration may have several trials
    there, which differ in seed. Without ``seed``, an answer is the mean over its complete trials
    that recorded the epoch. If none is complete, the others (diverged, or stopped by a limit)
    answer up to where they came. Where no seeds were published, repeats are counted from 0.
    """

    def __init__(self, release: Path, manifest: Manifest) -> None:
        super().__init__(release, manifest)
        directory = release / LOOKUP
        self._lookup = open_lookup(directory)
        self._blocks = self._lookup.blocks
        self._places = places_of(f"{self.name} {self.version}", self.space, self._lookup, directory)
        self._chooser = Chooser(self.name, self._places)
        self._residence = Residence(self._lookup.arrays)
        self._costs = CostColumns(len(self), self._residence.rest)
        self._names = [
            metric.name
            for table in ("trials", "epochs")
            for metric in self.metrics
            if metric.table == table
        ]
        self._plans: dict[tuple[int, int], Plan] = {}
        self._answers: dict[tuple[int | None, int | None], AnswerReaders] = {}
        self._readers: dict[tuple[str, int | None, int | None, int | None], Reader] = {}

    def __len__(self) -> int:
        """Return the number of configurations."""
        return self._places.count

    @property
    def horizons(self) -> tuple[int, ...]:
        """The lengths of the learning-rate schedules there are, ascending."""
        return tuple(self._blocks)

    def __call__(
        self,
        query: Query,
        epoch: int | None = None,
        *,
        seed: int | None = None,
        horizon: int | None = None,
        draw: int | None = None,
    ) -> Answer:
        """Return the recorded metrics; without ``epoch``, those of the last one recorded.

        Args and errors: see :meth:`Benchmark.__call__`.
        """
        place = self._places.place(query)
        readers = self._answer_readers(epoch, horizon)
        if readers is not None and seed is None and draw is None:
            return readers.mean(place)
        block = self._block(horizon)
        trials = self._chooser.trials(block, place, seed, draw)
        if readers is not None and len(trials) == 1:
            return readers.trial(trials[0])
        found, plan = self._at(block, place, trials, epoch)
        return answer(plan, found)

    def _answer_readers(self, epoch: int | None, horizon: int | None) -> AnswerReaders | None:
        """Return the fast readers of an epoch where all trials are alike, else None."""
        if epoch is not None and type(epoch) is not int:
            # As keys, 4.0 and True are the same as whole numbers.
            epoch = self._whole(epoch)
        try:
            return self._answers[epoch, horizon]
        except (KeyError, TypeError):
            block = self._block(horizon)
        position = position_of(block, epoch)
        if position is None:
            return None
        mapped = self._note(block, block.metrics, position)
        readers = answer_readers(block, position, self._names, mapped=mapped)
        self._answers[epoch, horizon] = readers
        return readers

    def by_seed(
        self, query: Query, epoch: int | None = None, *, horizon: int | None = None
    ) -> dict[int, Answer]:
        """Return the answer of each training seed that recorded the epoch.

        Arguments and errors as in a call.
        """
        place = self._places.place(query)
        block = self._block(horizon)
        found, plan = self._at(block, place, self._chooser.trials(block, place), epoch)
        by_seed: dict[int, list[int]] = {}
        for trial in found.trials:
            by_seed.setdefault(block.seeds.at(trial), []).append(trial)
        rows = dict(zip(found.trials, found.rows, strict=True))
        return {
            seed: answer(plan, Found(place, trials, [rows[trial] for trial in trials]))
            for seed, trials in by_seed.items()
        }

    def seeds(self, query: Query, *, horizon: int | None = None) -> tuple[int, ...]:
        """Return the training seeds of a configuration, ascending; repeats where none is known."""
        place = self._places.place(query)
        block = self._block(horizon)
        return tuple(sorted({block.seeds.at(trial) for trial in block.trials_of(place)}))

    def recorded(
        self,
        query: Query,
        *,
        seed: int | None = None,
        horizon: int | None = None,
        draw: int | None = None,
    ) -> tuple[int, ...]:
        """Return the epochs that any of the trials that answer has recorded, ascending."""
        place = self._places.place(query)
        block = self._block(horizon)
        return _recorded(block, self._chooser.trials(block, place, seed, draw))

    def trajectory(
        self,
        query: Query,
        *,
        seed: int | None = None,
        horizon: int | None = None,
        draw: int | None = None,
    ) -> dict[int, Answer]:
        """Return the recorded metrics of every recorded epoch, by epoch."""
        place = self._places.place(query)
        block = self._block(horizon)
        trials = self._chooser.trials(block, place, seed, draw)
        epochs = _recorded(block, trials)
        if not epochs:
            raise self._not_recorded(block, trials, None)
        curve = {}
        for epoch in epochs:
            found, plan = self._at(block, place, trials, epoch)
            curve[epoch] = answer(plan, found)
        return curve

    def simulated_cost(
        self,
        query: Query,
        epoch: int | None = None,
        *,
        start: int = 0,
        mode: CostMode = "valid",
        seed: int | None = None,
        horizon: int | None = None,
        draw: int | None = None,
    ) -> float:
        """Return the seconds that :func:`~nepsbench.client.costs.query_cost` tells, by one look.

        Arguments and errors as there. The first question of a kind takes as long as a pass over
        the seconds of its epochs; see :mod:`nepsbench.client.cost_columns`.
        """
        place = self._places.place(query)
        block = self._block(horizon)
        rows: Sequence[int] = (place,)
        by_trial = seed is not None or draw is not None
        if by_trial:
            rows = self._chooser.trials(block, place, seed, draw)
        column = self._costs.column(block, by_trial=by_trial, start=start, end=epoch, mode=mode)
        if column is not None and len(rows) == 1:
            seconds: float = column[rows[0]]
            if seconds == seconds:
                return seconds
        curve = self.trajectory(query, seed=seed, horizon=horizon, draw=draw)
        return curve_cost(curve, epoch, start=start, mode=mode, name=self.name)

    def value(
        self,
        number: int,
        metric: str,
        epoch: int | None = None,
        *,
        seed: int | None = None,
        horizon: int | None = None,
    ) -> float:
        """Return one metric of the configuration with a number: the fastest way to one value.

        Arguments and errors as in a call; also ``NotInTableError`` if there is no such metric, or
        no value of it.
        """
        if epoch is not None and type(epoch) is not int:
            epoch = self._whole(epoch)
        try:
            reader = self._readers[metric, epoch, seed, horizon]
        except KeyError:
            reader = self._reader(metric, epoch, seed, horizon)
            if len(self._readers) > 10_000:
                self._readers.clear()
            self._readers[metric, epoch, seed, horizon] = reader
        return reader(number)

    def column(
        self,
        metric: str,
        epoch: int | None = None,
        *,
        seed: int | None = None,
        horizon: int | None = None,
    ) -> Column:
        """Return one metric of the whole table, for questions by the million.

        Raises:
            NotInTableError: If there is no such metric or horizon.
        """
        self._check_metric(metric)
        block = self._block(horizon)
        if epoch is not None:
            epoch = self._whole(epoch)
        values = column_values(block, metric, epoch, configurations=len(self), seed=seed)
        self._residence.rest()
        at = "the last epoch" if epoch is None else f"epoch {epoch}"
        return Column(metric, values, self._places, f"no {metric} at {at}")

    def number_of(self, query: Query) -> int:
        """Return the number of a configuration: in a finite space its own, else in this table.

        Raises:
            InvalidConfigurationError: If it lies outside the space.
            NotInTableError: If it is valid, but not in the table.
        """
        return self._places.number(self._places.place(query))

    def configuration(self, number: int) -> Configuration:
        """Return the configuration with a number; the inverse of :meth:`number_of`."""
        return self._places.configuration(self._places.place(number))

    def configurations(self) -> Iterator[Configuration]:
        """Yield every configuration of the table once, in the order of their numbers or keys."""
        for place in range(len(self)):
            yield self._places.configuration(place)

    def sample(self, seed: int) -> Configuration:
        """Return one of the table's configurations, all equally likely; same seed, same one."""
        if not len(self):
            raise NotInTableError(f"{self.name} {self.version} holds no configuration")
        word = int(np.random.Philox(seed).random_raw())
        return self._places.configuration(word * len(self) >> 64)

    def _block(self, horizon: int | None) -> Block:
        if horizon is None:
            return self._longest
        try:
            return self._blocks[horizon]
        except (KeyError, TypeError):
            there = ", ".join(map(str, self._blocks))
            raise NotInTableError(
                f"no horizon {horizon!r} in {self.name}; there are: {there}"
            ) from None

    @cached_property
    def _longest(self) -> Block:
        if not self._blocks:
            raise NotInTableError(f"{self.name} {self.version} holds no trial")
        return self._blocks[max(self._blocks)]

    def _at(
        self, block: Block, place: int, trials: Sequence[int], epoch: int | None
    ) -> tuple[Found, Plan]:
        """Return the trials that recorded an epoch, and how its metrics are read."""
        if block.epochs is not None:
            asked = block.epochs[-1] if epoch is None else self._whole(epoch)
            if asked not in block.epochs:
                raise self._not_recorded(block, trials, epoch)
            return Found(place, trials, trials), self._plan(block, block.epochs.index(asked))
        if epoch is None:
            last = [epochs[-1] for trial in trials if (epochs := block.recorded(trial))]
            if not last:
                raise self._not_recorded(block, trials, None)
            epoch = max(last)
        epoch = self._whole(epoch)
        pairs = [(t, row) for t in trials if (row := block.position(t, epoch)) >= 0]
        if not pairs:
            raise self._not_recorded(block, trials, epoch)
        return Found(place, *zip(*pairs, strict=True)), self._plan(block, 0)

    def _plan(self, block: Block, position: int) -> Plan:
        key = (block.horizon, position)
        if key not in self._plans:
            mapped = self._note(block, block.metrics, position)
            self._plans[key] = plan_of(block, position, self._names, mapped=mapped)
        return self._plans[key]

    def _note(self, block: Block, metrics: Iterable[str], position: int) -> bool:
        """Note that metrics are read from now on; return whether mapped, or else by calls."""
        if self._residence.note(block, metrics, position):
            self._plans.clear()
            self._answers.clear()
            self._readers.clear()
        return self._residence.is_mapped

    def _whole(self, epoch: int) -> int:
        if type(epoch) is not int and (isinstance(epoch, bool) or not hasattr(epoch, "__index__")):
            checked_epoch(epoch, self.max_epoch)
        return int(epoch)

    def _check_metric(self, metric: str) -> None:
        if metric not in self._names:
            there = ", ".join(self._names)
            raise NotInTableError(f"no metric {metric!r} in {self.name}; there are: {there}")

    def _reader(
        self, metric: str, epoch: int | None, seed: int | None, horizon: int | None
    ) -> Reader:
        """Return what reads one metric by the configuration's number."""
        self._check_metric(metric)
        block = self._block(horizon)
        if epoch is not None:
            epoch = self._whole(epoch)
        position = position_of(block, epoch)
        if position is None or metric not in block.metrics:
            return self._slow_reader(block, metric, epoch, seed)
        mapped = self._note(block, [metric], position)
        how: dict[str, Any] = {"places": self._places, "mapped": mapped}
        if seed is None:
            return fast_reader(block, metric, position, **how)
        trials_of = partial(self._chooser.trials, block, seed=seed)
        return seed_reader(block, metric, position, trials_of, **how)

    def _slow_reader(
        self, block: Block, metric: str, epoch: int | None, seed: int | None
    ) -> Reader:
        """Return a reader for any block."""

        def read(number: int) -> float:
            place = self._places.place(number)
            trials = self._chooser.trials(block, place, seed)
            found, plan = self._at(block, place, trials, epoch)
            value = answer(_only(plan, metric), found).get(metric)
            if value is None:
                raise no_value(self._places, metric, number)
            return value

        return read

    def _not_recorded(
        self, block: Block, trials: Sequence[int], epoch: int | None
    ) -> NotInTableError:
        """Return the error that says which epochs there are, and why no more."""
        recorded = _recorded(block, trials)
        there = f"recorded: {spans(recorded)}" if recorded else "none is recorded"
        why = ""
        if any(block.statuses.at(trial) != COMPLETE for trial in trials):
            status = STATUSES[block.statuses.at(trials[0])].value
            why = f"; its trial is {status}: {self._reason(block, trials[0])}"
        asked = "no epoch" if epoch is None or not recorded else f"no epoch {epoch}"
        return NotInTableError(f"{asked} of this configuration in {self.name}; {there}{why}")

    def _reason(self, block: Block, trial: int) -> str:
        """Return why a trial is not complete; read from the table, on this rare path only."""
        path = str(self.release / "trials.parquet")
        table = self._connection.read_parquet(path, file_row_number=True)
        row = block.first_trial + trial
        found = table.filter(f"file_row_number = {row}").project("reason").fetchall()
        return str(found[0][0]) if found and found[0][0] else "no reason noted"

    def select(
        self, where: Mapping[str, Scalar | None] | None = None, **more: Scalar | None
    ) -> duckdb.DuckDBPyRelation:
        """Return the rows of ``curves`` that match; None matches everything.

        Args:
            where: Column to value: parameters of the space, and ``seed``, ``horizon``, ``epoch``,
                ``status`` or any other column of ``trials`` and ``epochs``.
            more: The same, as keywords.

        Raises:
            InvalidConfigurationError: If there is no such column, or no such choice.
        """
        from nepsbench.client.selecting import matching

        return matching(self, {**(where or {}), **more})


def _recorded(block: Block, trials: Sequence[int]) -> tuple[int, ...]:
    """Return the epochs that any of the trials recorded, ascending."""
    if block.epochs is not None:
        return block.epochs if trials else ()
    return tuple(sorted({epoch for trial in trials for epoch in block.recorded(trial)}))


def _only(plan: Plan, metric: str) -> Plan:
    return tuple(entry for entry in plan if entry[0] == metric)
