"""Answers from the table: what was trained and recorded, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nepsbench.client.answering import COMPLETE, Found, Plan, answer, plan_of, spans
from nepsbench.client.benchmark import Answer, Benchmark, Query, checked_epoch
from nepsbench.client.column import Column, column_values
from nepsbench.client.places import places_of
from nepsbench.client.readers import Reader, answer_reader, fast_reader, no_value, position_of
from nepsbench.errors import NotInTableError
from nepsbench.release.lookup import LOOKUP, STATUSES, Block, open_lookup
from nepsbench.release.manifest import Manifest
from nepsbench.spaces import Configuration, Scalar

if TYPE_CHECKING:
    import duckdb

#: So many bytes of a lookup may stay in the process's memory. Once answers come from more, they are
#: read by calls of the system: slower, but a page fault brings in hundreds of kB each time.
_KEPT = 64 << 20


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
        self._names = [
            metric.name
            for table in ("trials", "epochs")
            for metric in self.metrics
            if metric.table == table
        ]
        self._plans: dict[tuple[int, int], Plan] = {}
        self._answers: dict[tuple[int | None, int | None], Callable[[int], Answer]] = {}
        self._readers: dict[tuple[str, int | None, int | None, int | None], Reader] = {}
        self._read: set[tuple[int, int]] = set()
        self._read_bytes = 0
        self._is_mapped = True

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
        # By its type: as a key, 4.0 and True are the same as whole numbers.
        if seed is None and draw is None and (epoch is None or type(epoch) is int):
            try:
                return self._answers[epoch, horizon](place)
            except (KeyError, TypeError):
                self._prepare(epoch, horizon)
        block = self._block(horizon)
        trials = self._chosen(block, place, seed, draw)
        found, plan = self._at(block, place, trials, epoch)
        return answer(plan, found)

    def _prepare(self, epoch: int | None, horizon: int | None) -> None:
        """Make the next answers of this kind fast, where all trials are alike."""
        block = self._block(horizon)
        position = position_of(block, None if epoch is None else self._whole(epoch))
        if position is None:
            return
        for name in block.metrics:
            self._note(block, name, position)
        mapped = self._is_mapped
        reader = answer_reader(block, position, self._names, mapped=mapped)
        self._answers[epoch, horizon] = reader

    def by_seed(
        self, query: Query, epoch: int | None = None, *, horizon: int | None = None
    ) -> dict[int, Answer]:
        """Return the answer of each training seed that recorded the epoch.

        Arguments and errors as in a call.
        """
        place = self._places.place(query)
        block = self._block(horizon)
        found, plan = self._at(block, place, self._chosen(block, place, None, None), epoch)
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

    def recorded(self, query: Query, *, horizon: int | None = None) -> tuple[int, ...]:
        """Return the epochs that any of the trials that answer has recorded, ascending."""
        place = self._places.place(query)
        block = self._block(horizon)
        return tuple(_recorded(block, self._chosen(block, place, None, None)))

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
        trials = self._chosen(block, place, seed, draw)
        epochs = _recorded(block, trials)
        if not epochs:
            raise self._not_recorded(block, trials, None)
        curve = {}
        for epoch in epochs:
            found, plan = self._at(block, place, trials, epoch)
            curve[epoch] = answer(plan, found)
        return curve

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
        self._rest()
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

    def _chosen(
        self, block: Block, place: int, seed: int | None, draw: int | None
    ) -> Sequence[int]:
        """Return the trials that answer for a configuration."""
        trials: Sequence[int] = block.trials_of(place)
        if not trials:
            raise NotInTableError(
                f"configuration {self._places.number(place)} was not trained with horizon "
                f"{block.horizon} in {self.name}"
            )
        if seed is not None:
            trials = self._of_seed(block, place, trials, seed)
        if block.all_complete:
            complete = trials
        else:
            status = block.statuses.at
            complete = [trial for trial in trials if status(trial) == COMPLETE] or trials
        if draw is None or len(complete) == 1:
            return complete
        return self._drawn(block, place, complete, draw)

    def _of_seed(self, block: Block, place: int, trials: Sequence[int], seed: int) -> Sequence[int]:
        chosen = [trial for trial in trials if block.seeds.at(trial) == seed]
        if chosen:
            return chosen
        seeds = sorted({block.seeds.at(trial) for trial in trials})
        raise NotInTableError(
            f"configuration {self._places.number(place)} was not trained with seed {seed}; "
            f"its seeds are {', '.join(map(str, seeds))}"
        )

    def _drawn(self, block: Block, place: int, trials: Sequence[int], draw: int) -> Sequence[int]:
        """Return the trials of one seed; the same draw and configuration give the same one."""
        seeds = sorted({block.seeds.at(trial) for trial in trials})
        text = f"{draw}/{block.horizon}/{self._identity(place)}".encode()
        word = int.from_bytes(blake2b(text, digest_size=8).digest(), "big")
        seed = seeds[word * len(seeds) >> 64]
        return [trial for trial in trials if block.seeds.at(trial) == seed]

    def _identity(self, place: int) -> int:
        """Return what names a configuration in every release: its number, or its key."""
        keys = self._lookup.keys
        return self._places.number(place) if keys is None else int(keys[place])

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
            for name in block.metrics:
                self._note(block, name, position)
            self._plans[key] = plan_of(block, position, self._names, mapped=self._is_mapped)
        return self._plans[key]

    def _note(self, block: Block, metric: str, position: int) -> None:
        """Note that a column is read from now on; see ``_KEPT``."""
        found = block.metrics[metric]
        column, base = found.columns[0], 0
        size = column.nbytes
        if not found.of_trial and block.epochs is not None:
            column, base = block.located(metric, position)
            size = column.nbytes // (1 if len(found.columns) > 1 else len(block.epochs))
        if (id(column), base) in self._read:
            return
        self._read.add((id(column), base))
        self._read_bytes += size
        if self._is_mapped and self._read_bytes > _KEPT:
            self._is_mapped = False
            self._plans.clear()
            self._answers.clear()
            self._readers.clear()
            self._rest()

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
        position = position_of(block, epoch) if seed is None else None
        if position is not None and metric in block.metrics:
            self._note(block, metric, position)
            mapped = self._is_mapped
            return fast_reader(block, metric, position, places=self._places, mapped=mapped)
        return self._slow_reader(block, metric, epoch, seed)

    def _slow_reader(
        self, block: Block, metric: str, epoch: int | None, seed: int | None
    ) -> Reader:
        """Return a reader for any block."""

        def read(number: int) -> float:
            place = self._places.place(number)
            trials = self._chosen(block, place, seed, None)
            found, plan = self._at(block, place, trials, epoch)
            value = answer(_only(plan, metric), found).get(metric)
            if value is None:
                raise no_value(self._places, metric, number)
            return value

        return read

    def _rest(self) -> None:
        """Give the lookup's pages back: the process stays small, the page cache keeps them."""
        if len(self._lookup.arrays) > _KEPT:
            self._lookup.arrays.give_back()

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


def _recorded(block: Block, trials: Sequence[int]) -> list[int]:
    """Return the epochs that any of the trials recorded, ascending."""
    if block.epochs is not None:
        return list(block.epochs) if trials else []
    return sorted({epoch for trial in trials for epoch in block.recorded(trial)})


def _only(plan: Plan, metric: str) -> Plan:
    return tuple(entry for entry in plan if entry[0] == metric)
