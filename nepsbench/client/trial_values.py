"""Single trials of a table, value by value: what interfaces that average by themselves read.

A *trial* here is a row of a horizon's block in the lookup; those of one configuration follow each
other by ascending seed, or by repeat where no seeds were published.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from math import nan

from nepsbench.client.places import Places, places_of
from nepsbench.client.table import TableBenchmark
from nepsbench.errors import NotInTableError
from nepsbench.release.lookup import LOOKUP, Block, open_lookup

#: From a trial to one value of it; NaN is missing.
Value = Callable[[int], float]


class TrialValues:
    """The trials of all horizons of a table.

    Args:
        bench: The table.

    Attributes:
        places: From whatever names a configuration to its place.
        horizons: Of the table, ascending.
    """

    def __init__(self, bench: TableBenchmark) -> None:
        directory = bench.release / LOOKUP
        lookup = open_lookup(directory)
        title = f"{bench.name} {bench.version}"
        self.places: Places = places_of(title, bench.space, lookup, directory)
        self.horizons = {horizon: HorizonValues(b) for horizon, b in lookup.blocks.items()}


class HorizonValues:
    """The trials of one horizon.

    Attributes:
        horizon: Epochs of the learning-rate schedule.
        each: How many trials each configuration has; None where that differs.
    """

    def __init__(self, block: Block) -> None:
        self.horizon, self.each = block.horizon, block.each
        self._block = block
        self._values: dict[tuple[str, int | None], Value] = {}

    def trials_of(self, place: int) -> range:
        """Return the trials of the configuration at a place."""
        return self._block.trials_of(place)

    def seeds_of(self, trials: Sequence[int]) -> list[int]:
        """Return the seed of each trial; the number of the repeat where none was published."""
        return [self._block.seeds.at(trial) for trial in trials]

    def recorded(self, trial: int) -> Sequence[int]:
        """Return the epochs that a trial recorded, ascending."""
        return self._block.recorded(trial)

    def has(self, metric: str) -> bool:
        """True if any trial has a value of the metric."""
        return metric in self._block.metrics

    def seeds_are(self, seeds: Sequence[int]) -> bool:
        """True if each configuration's trials have just these seeds, ascending."""
        block = self._block
        if block.each != len(seeds):
            return False
        found = block.seeds.take(slice(0, block.trials)).reshape(-1, len(seeds))
        return bool((found == list(seeds)).all())

    def value(self, metric: str, epoch: int | None = None) -> Value:
        """Return what reads one metric of a trial, at an epoch or the trial's last one."""
        key = metric, epoch
        if key not in self._values:
            self._values[key] = self._reader(metric, epoch)
        return self._values[key]

    def is_constant(self, metric: str) -> bool:
        """True if an epoch metric has one value a trial, the same at all epochs of the horizon."""
        block = self._block
        found = block.metrics.get(metric)
        if found is None or block.epochs != tuple(range(1, block.horizon + 1)):
            return False
        columns = [block.located(metric, place) for place in range(len(block.epochs))]
        column, base = columns[0]
        first = column.take(slice(base, base + block.trials))
        return all(
            bool((column.take(slice(base, base + block.trials)) == first).all())
            for column, base in columns
        )

    def _reader(self, metric: str, epoch: int | None) -> Value:
        block = self._block
        found = block.metrics.get(metric)
        if found is None:
            return lambda _trial: nan
        if found.of_trial:
            at: Value = found.columns[0].at
            return self._of_configuration(at) if found.of_configuration else at
        if block.epochs is not None:
            asked = block.epochs[-1] if epoch is None else epoch
            if asked not in block.epochs:
                return lambda _trial: nan
            column, base = block.located(metric, block.epochs.index(asked))
            at = column.at
            return (lambda trial: at(base + trial)) if base else at
        return self._sparse(found.columns[0].at, epoch)

    def _of_configuration(self, at: Value) -> Value:
        each, offsets = self._block.each, self._block.trial_offsets
        if each:
            return lambda trial: at(trial // each)
        return lambda trial: at(bisect_right(offsets, trial) - 1)

    def _sparse(self, at: Value, epoch: int | None) -> Value:
        block = self._block

        def read(trial: int) -> float:
            if epoch is None:
                row = block.epoch_offsets[trial + 1] - 1
                return at(row) if row >= block.epoch_offsets[trial] else nan
            row = block.position(trial, epoch)
            return at(row) if row >= 0 else nan

        return read


def one_horizon(values: TrialValues, horizon: int, name: str) -> HorizonValues:
    """Return the trials of a horizon.

    Raises:
        NotInTableError: If the table has none of it.
    """
    if horizon not in values.horizons:
        there = ", ".join(map(str, values.horizons))
        raise NotInTableError(f"no horizon {horizon} in {name}; there are: {there}")
    return values.horizons[horizon]
