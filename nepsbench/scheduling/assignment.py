"""Trials onto workers: longest processing time first, then swaps between uneven workers.

Source: R. L. Graham, "Bounds on Multiprocessing Timing Anomalies" (1969): assigning the longest
trial first, each to the worker that is free first, ends at most 4/3 later than the best plan.
"""

from __future__ import annotations

import heapq
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from nepsbench.spaces.parameters import FloatArray

IntArray: TypeAlias = NDArray[np.int64]

#: A plan this close to its lower bound is good enough.
TOLERANCE = 0.01

_ROUNDS = 60
_PATIENCE = 6  # rounds without a lower makespan before the swaps give up
_CHUNK = 8192  # pairs of workers looked at in one go: bounds the memory
_WIDEST = 24  # trials of a worker that are tried in swaps: its shortest ones


def lower_bound(seconds: FloatArray, workers: int) -> float:
    """Return a makespan that no plan can beat.

    The longest trial; the mean load; and, since of the (k-1) * workers + 1 longest trials some
    worker has k, the k shortest among those.
    """
    if len(seconds) == 0:
        return 0.0
    sums = np.concatenate([[0.0], np.cumsum(np.sort(seconds)[::-1])])
    k = np.arange(1, (len(seconds) - 1) // workers + 2)
    count = (k - 1) * workers + 1
    return float(max((sums[count] - sums[count - k]).max(), sums[-1] / workers))


def longest_first(seconds: FloatArray, workers: int, *, capacity: float) -> IntArray:
    """Return each trial's worker, or -1 where the trial fits on no worker any more.

    Args:
        seconds: Runtime of each trial, shape (trials,). Equal ones keep their order.
        workers: Number of workers.
        capacity: Seconds that fit one worker.
    """
    assigned = np.full(len(seconds), -1, dtype=np.int64)
    order = np.argsort(-seconds, kind="stable")
    free = [(0.0, worker) for worker in range(workers)]
    chosen = []
    for length in seconds[order].tolist():
        load, worker = free[0]
        if load + length <= capacity:
            heapq.heapreplace(free, (load + length, worker))
            chosen.append(worker)
        else:
            chosen.append(-1)
    assigned[order] = chosen
    return assigned


def loads_of(seconds: FloatArray, assigned: IntArray, workers: int) -> FloatArray:
    """Return the summed seconds of each worker, shape (workers,)."""
    placed = assigned >= 0
    loads = np.bincount(assigned[placed], weights=seconds[placed], minlength=workers)
    return loads.astype(np.float64)


def even_out(seconds: FloatArray, assigned: IntArray, workers: int) -> IntArray:
    """Return an assignment with a makespan as low or lower, by swaps of single trials.

    Each round pairs the most loaded workers with the least loaded ones, and lets every pair move
    one trial or swap two, whichever levels it best. It ends within ``TOLERANCE`` of the lower
    bound, or when swaps help no more.
    """
    placed = np.flatnonzero(assigned >= 0)
    target = lower_bound(seconds[placed], workers) * (1 + TOLERANCE)
    assigned = assigned.copy()
    lowest, lowered = np.inf, 0
    for turn in range(_ROUNDS):
        loads = loads_of(seconds, assigned, workers)
        makespan = float(loads.max(initial=0.0))
        if makespan < lowest:
            lowest, lowered = makespan, turn
        if makespan <= target or turn - lowered > _PATIENCE:
            break
        order = np.argsort(-loads, kind="stable")
        pairs = min(int((loads > target).sum()) * 2, workers // 2)
        heavy, light = order[:pairs], np.roll(order[::-1][:pairs], turn)
        held = _trials_by_worker(seconds, assigned, workers)
        for start in range(0, pairs, _CHUNK):
            _swap(
                seconds, assigned, loads, held,
                heavy[start : start + _CHUNK], light[start : start + _CHUNK],
            )  # fmt: skip
    return assigned


def _trials_by_worker(
    seconds: FloatArray, assigned: IntArray, workers: int
) -> tuple[IntArray, IntArray]:
    """Return the placed trials sorted by worker and then runtime, and where each worker starts."""
    trials = np.lexsort((seconds, assigned))
    return trials, np.searchsorted(assigned[trials], np.arange(workers + 1))


def _swap(
    seconds: FloatArray,
    assigned: IntArray,
    loads: FloatArray,
    held: tuple[IntArray, IntArray],
    heavy: IntArray,
    light: IntArray,
) -> None:
    """Level each pair (heavy[i], light[i]) by its best single move or swap; changes assigned."""
    gives, takes = _padded(held, heavy), _padded(held, light)
    given = np.where(gives >= 0, seconds[gives], np.inf)[:, :, None]
    # The last column of `taken` stands for taking nothing back: a move, not a swap.
    nothing = np.full((len(light), 1), -1, dtype=np.int64)
    taken = np.where(takes >= 0, seconds[takes], np.nan)
    taken = np.column_stack([taken, np.zeros(len(light))])[:, None, :]
    takes = np.column_stack([takes, nothing])
    with np.errstate(invalid="ignore"):
        shift = given - taken
        top = np.maximum(loads[heavy][:, None, None] - shift, loads[light][:, None, None] + shift)
    top = np.where(np.isfinite(top), top, np.inf).reshape(len(heavy), -1)
    best = top.argmin(axis=1)
    rows = np.arange(len(heavy))
    better = (top[rows, best] < loads[heavy]) & (loads[heavy] > loads[light])
    row, column = np.divmod(best[better], takes.shape[1])
    moved, back = gives[better, row], takes[better, column]
    assigned[moved] = light[better]
    assigned[back[back >= 0]] = heavy[better][back >= 0]


def _padded(held: tuple[IntArray, IntArray], workers: IntArray) -> IntArray:
    """Return each worker's shortest trials as rows, filled up with -1."""
    trials, starts = held
    counts = starts[workers + 1] - starts[workers]
    columns = np.arange(min(int(counts.max(initial=1)), _WIDEST))
    positions = starts[workers][:, None] + columns
    return np.where(
        columns < counts[:, None], trials[np.minimum(positions, len(trials) - 1)], -1
    ).astype(np.int64)
