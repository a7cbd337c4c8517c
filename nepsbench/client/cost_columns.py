"""What a query of a table costs, by one look: a column for each span of epochs that was asked for.

A column is made at once for the whole table, when its span is first asked for, by the rules of
:mod:`nepsbench.client.costs` and to the same bits: it holds 8 bytes a configuration, or a trial
where one seed is asked for, and takes a pass over the seconds of every epoch in the span.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from nepsbench.client.column import column_values, trial_values
from nepsbench.client.costs import EVALUATIONS, CostMode
from nepsbench.client.readers import position_of
from nepsbench.release.lookup import Block
from nepsbench.spaces.parameters import FloatArray

#: So many bytes of columns are kept; what does not fit is summed up from its curve.
_KEPT = 32 << 20


def cost_column(
    read: Callable[[str, int], FloatArray],
    epochs: Sequence[int],
    *,
    start: int,
    end: int,
    mode: CostMode,
) -> FloatArray:
    """Return what ``curve_cost`` says of many curves; NaN where that is not known.

    Args:
        read: Returns a metric of all curves at an epoch, shape (curves,); NaN where missing.
        epochs: Those of all the curves, ascending.
        start: One of them or 0; training goes on from there.
        end: A later one of them.
        mode: Which passes are paid for.
    """
    trained, evaluated = np.zeros(1), np.zeros(1)
    for epoch in (epoch for epoch in epochs if start < epoch <= end):
        trained = trained + read("train_duration", epoch)
        for metric in EVALUATIONS[mode]:
            evaluated = evaluated + _known(read(metric, epoch))
    passes = trained + evaluated
    if not set(range(start + 1, end + 1)) <= set(epochs):
        passes = np.full_like(passes, np.nan)
    for metric in EVALUATIONS[mode][-1:]:
        passes = np.where(np.isnan(read(metric, end)), np.nan, passes)
    runtime = read("runtime", end)
    elapsed = runtime - (read("runtime", start) if start else 0.0) + evaluated
    if end == epochs[-1] and not start:
        elapsed = np.where(np.isnan(runtime), read("total_time", end), elapsed)
    return np.where(np.isnan(read("train_duration", end)), elapsed, passes)


def _known(seconds: FloatArray) -> FloatArray:
    """Return the seconds, 0 where none are recorded."""
    return np.where(np.isnan(seconds), 0.0, seconds)


class CostColumns:
    """The columns of a table that were asked for.

    Args:
        configurations: How many there are.
        rest: Called after each reading of the table's arrays, to give their pages back.
    """

    def __init__(self, configurations: int, rest: Callable[[], None]) -> None:
        self._configurations, self._rest = configurations, rest
        self._columns: dict[tuple[int, bool, int, int, CostMode], memoryview] = {}
        self._bytes = 0

    def column(
        self, block: Block, *, by_trial: bool, start: int, end: int | None, mode: CostMode
    ) -> memoryview | None:
        """Return the costs by place, or by trial; NaN where they are not known.

        None where there is no such column: the trials are not alike, there are no such epochs, or
        all memory for columns is taken.
        """
        if end is None:
            if not block.epochs:
                return None
            end = block.epochs[-1]
        key = (block.horizon, by_trial, start, end, mode)
        found = self._columns.get(key)
        if found is None and self._is_possible(block, by_trial, start, end, mode):
            found = self._columns[key] = self._made(block, by_trial, start, end, mode)
            self._bytes += found.nbytes
        return found

    def _is_possible(
        self, block: Block, by_trial: bool, start: int, end: int, mode: CostMode
    ) -> bool:
        rows = block.trials if by_trial else self._configurations
        return (
            mode in EVALUATIONS
            and position_of(block, end) is not None
            and (start == 0 or position_of(block, start) is not None)
            and 0 <= start < end
            and self._bytes + 8 * rows <= _KEPT
        )

    def _made(
        self, block: Block, by_trial: bool, start: int, end: int, mode: CostMode
    ) -> memoryview:
        assert block.epochs is not None

        def read(metric: str, epoch: int) -> FloatArray:
            if by_trial:
                values = trial_values(block, metric, epoch)
            else:
                count = self._configurations
                values = column_values(block, metric, epoch, configurations=count, seed=None)
            self._rest()
            return values

        return cost_column(read, block.epochs, start=start, end=end, mode=mode).data
