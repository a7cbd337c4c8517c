"""Answers from the table: what was trained and recorded, and nothing else."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from nepsbench.client.benchmark import Answer, Benchmark, checked_epoch
from nepsbench.errors import NotInTableError
from nepsbench.release.lookup import LOOKUP, STATUSES, open_lookup
from nepsbench.release.manifest import Manifest
from nepsbench.schema import Status
from nepsbench.spaces import Configuration, Scalar

_COMPLETE = STATUSES.index(Status.COMPLETE)


class TableBenchmark(Benchmark):
    """Point lookups in memory-mapped arrays: opening costs nothing that grows with the table.

    A configuration may have several trials, which differ in seed. Without ``seed``, an answer is
    the mean over its complete trials that recorded the epoch. If none is complete, the others
    (diverged, or stopped by a limit) answer up to where they came.
    """

    def __init__(self, release: Path, manifest: Manifest) -> None:
        super().__init__(release, manifest)
        lookup = open_lookup(release / LOOKUP)
        # Memory views hand out plain Python numbers; numpy's scalars cost more than the search.
        self._keys = lookup.keys.data
        self._offsets = lookup.offsets.data
        self._epochs = lookup.epochs.data
        self._seeds = lookup.seeds.data
        self._statuses = lookup.statuses.data
        self._codes, self._rows, self._firsts = lookup.codes, lookup.rows, lookup.firsts
        self._trial_metrics, self._epoch_metrics = lookup.trial_metrics, lookup.epoch_metrics
        self._names = [
            metric.name
            for table in ("trials", "epochs")
            for metric in self.metrics
            if metric.table == table
        ]

    def __len__(self) -> int:
        """Return the number of configurations."""
        return len(self._firsts)

    def __call__(
        self,
        configuration: Mapping[str, Scalar],
        epoch: int | None = None,
        *,
        seed: int | None = None,
    ) -> Answer:
        """Return the recorded metrics; without ``epoch``, those of the last one recorded.

        Args and errors: see :meth:`Benchmark.__call__`.
        """
        trials = self._trials(configuration, seed)
        if epoch is None:
            epoch = max(self._last_epoch(trial) for trial in trials)
        elif not hasattr(epoch, "__index__"):
            checked_epoch(epoch, self.max_epoch)
        found = [(trial, row) for trial in trials if (row := self._find(trial, epoch)) >= 0]
        if not found:
            raise self._not_recorded(trials, epoch)
        return self._answer(found)

    def trajectory(
        self, configuration: Mapping[str, Scalar], *, seed: int | None = None
    ) -> dict[int, Answer]:
        """Return the recorded metrics of every recorded epoch, by epoch."""
        trials = self._trials(configuration, seed)
        found: dict[int, list[tuple[int, int]]] = {}
        for trial in trials:
            for row in range(self._offsets[trial], self._offsets[trial + 1]):
                found.setdefault(self._epochs[row], []).append((trial, row))
        if not found:
            raise self._not_recorded(trials, None)
        return {epoch: self._answer(found[epoch]) for epoch in sorted(found)}

    def configurations(self) -> Iterator[Configuration]:
        """Yield every configuration of the table once, in the order of their keys."""
        for first in self._firsts:
            yield self.space.decode(self._codes[first].tolist())

    def sample(self, seed: int) -> Configuration:
        """Return one of the table's configurations, all equally likely; same seed, same one."""
        if not len(self):
            raise NotInTableError(f"{self.name} {self.version} holds no configuration")
        word = int(np.random.Philox(seed).random_raw())
        first = self._firsts[word * len(self) >> 64]
        return self.space.decode(self._codes[first].tolist())

    def _trials(self, configuration: Mapping[str, Scalar], seed: int | None) -> list[int]:
        """Return the trials that answer for a configuration."""
        codes = np.array([self.space.encode(configuration)])
        config_id = self.space.config_ids(codes)[0]
        key = int(config_id, 16)
        place = bisect_left(self._keys, key)
        trials = []
        while place < len(self._keys) and self._keys[place] == key:
            if self._codes[place].tobytes() == codes.tobytes():
                trials.append(place)
            place += 1
        if not trials:
            raise NotInTableError(
                f"configuration {config_id} is valid but not in the table of {self.name} "
                f"{self.version}; take one from sample() or configurations(), or kind='surrogate'"
            )
        if seed is not None:
            seeds = sorted({self._seeds[trial] for trial in trials})
            trials = [trial for trial in trials if self._seeds[trial] == seed]
            if not trials:
                raise NotInTableError(
                    f"configuration {config_id} was not trained with seed {seed}; "
                    f"its seeds are {', '.join(map(str, seeds))}"
                )
        return [t for t in trials if self._statuses[t] == _COMPLETE] or trials

    def _last_epoch(self, trial: int) -> int:
        """Return the last recorded epoch of a trial, 0 if there is none."""
        start, end = self._offsets[trial], self._offsets[trial + 1]
        return int(self._epochs[end - 1]) if end > start else 0

    def _find(self, trial: int, epoch: int) -> int:
        """Return the row of an epoch of a trial, or -1."""
        start, end = self._offsets[trial], self._offsets[trial + 1]
        row = bisect_left(self._epochs, epoch, start, end)
        return row if row < end and self._epochs[row] == epoch else -1

    def _answer(self, found: Sequence[tuple[int, int]]) -> Answer:
        """Return the mean over (trial, epoch row) pairs; of one, its very values."""
        answers = [
            self._trial_metrics[trial].tolist() + self._epoch_metrics[row].tolist()
            for trial, row in found
        ]
        if len(answers) == 1:
            return {n: v for n, v in zip(self._names, answers[0], strict=True) if v == v}
        answer = {}
        for name, values in zip(self._names, zip(*answers, strict=True), strict=True):
            known = [value for value in values if value == value]  # NaN, a missing value, is not
            if known:
                answer[name] = sum(known) / len(known)
        return answer

    def _recorded(self, trials: Sequence[int]) -> list[int]:
        """Return the epochs that any of the trials recorded, ascending."""
        spans = ((self._offsets[trial], self._offsets[trial + 1]) for trial in trials)
        return sorted({epoch for start, end in spans for epoch in self._epochs[start:end]})

    def _not_recorded(self, trials: Sequence[int], epoch: int | None) -> NotInTableError:
        """Return the error that says which epochs there are, and why no more."""
        recorded = self._recorded(trials)
        there = f"recorded: {_spans(recorded)}" if recorded else "none is recorded"
        why = ""
        if any(self._statuses[trial] != _COMPLETE for trial in trials):
            status = STATUSES[self._statuses[trials[0]]].value
            why = f"; its trial is {status}: {self._reason(trials[0])}"
        asked = "no epoch" if epoch is None or not recorded else f"no epoch {epoch}"
        return NotInTableError(f"{asked} of this configuration in {self.name}; {there}{why}")

    def _reason(self, trial: int) -> str:
        """Return why a trial is not complete; read from the table, on this rare path only."""
        path = str(self.release / "trials.parquet")
        table = self._connection.read_parquet(path, file_row_number=True)
        row = int(self._rows[trial])
        found = table.filter(f"file_row_number = {row}").project("reason").fetchall()
        return str(found[0][0]) if found and found[0][0] else "no reason noted"


def _spans(epochs: Sequence[int]) -> str:
    """Return ascending numbers in words: ``1 to 3, 5, 7 to 12``."""
    spans: list[list[int]] = []
    for epoch in epochs:
        if spans and epoch == spans[-1][-1] + 1:
            spans[-1][1:] = [epoch]
        else:
            spans.append([epoch])
    return ", ".join(" to ".join(map(str, span)) for span in spans)
