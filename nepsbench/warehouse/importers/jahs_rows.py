"""From a frame of JAHS-Bench-201 to trials of NEPSBench-101."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from nepsbench.errors import InvalidConfigurationError
from nepsbench.schema import METRICS_BY_NAME, SPLITS, Status
from nepsbench.spaces.nepsbench101 import SPACE
from nepsbench.spaces.parameters import FloatArray, LogFloat
from nepsbench.warehouse.importers.block import Block, Ints
from nepsbench.warehouse.importers.pandas_frame import Frame

#: Length of the learning-rate schedule, whatever a trial was trained for.
HORIZON = 200
#: Latency is the forward time of a mini-batch of this size. Division by a power of two is exact.
LATENCY_BATCH = 256
#: FLOPs of the space's networks are between 50,000 and 2,000 million. A larger number than this
#: counts them one by one, a smaller one in millions.
_COUNTED_SINGLY = 20_000.0
#: Rows of a block.
_BLOCK = 122_880
_SUFFIXES = {
    "loss": "loss",
    "acc": "acc",
    "duration": "batch_duration",
    "data_load_duration": "batch_data_load_duration",
    "forward_duration": "batch_forward_duration",
    "backprop_duration": "batch_backprop_duration",
}


@dataclass(frozen=True)
class Rows:
    """A frame's rows, sorted by trial and epoch.

    Attributes:
        codes: Encoded configuration of each trial, shape (trials, parameters).
        seeds: Training seed of each trial, if published.
        starts: First row of each trial, and the number of rows.
        epochs: Of each row.
        metrics: Trial metrics.
        epoch_metrics: Epoch metrics, by row.
    """

    codes: FloatArray
    seeds: Ints | None
    starts: Ints
    epochs: Ints
    metrics: dict[str, FloatArray]
    epoch_metrics: dict[str, FloatArray]


@dataclass
class Numbering:
    """Numbers configurations in the order in which they are met, and counts their trials."""

    _numbers: dict[bytes, int] = field(default_factory=dict)
    _repeats: dict[int, int] = field(default_factory=dict)

    def of(self, codes: FloatArray) -> tuple[Ints, Ints]:
        """Return number and repeat of trials of these configurations."""
        numbers = np.empty(len(codes), dtype=np.int64)
        repeats = np.empty(len(codes), dtype=np.int64)
        for place, row in enumerate(codes):
            number = self._numbers.setdefault(row.tobytes(), len(self._numbers))
            self._repeats[number] = self._repeats.get(number, 0) + 1
            numbers[place], repeats[place] = number, self._repeats[number]
        return numbers, repeats


def rows_of(frame: Frame) -> Rows:
    """Return a frame's rows.

    Raises:
        KeyError: If a column is missing.
        ValueError: If a value is none of the space.
    """
    group = "features" if ("features", "N") in frame.columns else "model_config"
    epochs = _epochs(frame, group)
    codes, keys = _codes(frame, group)
    trials = _trials(frame, keys, epochs)
    order = _order(trials, epochs)
    trials = trials[order]
    starts = np.flatnonzero(np.diff(trials, prepend=-1))
    firsts = np.arange(len(trials))[order][starts]
    last = np.append(starts[1:], len(trials)) - 1
    values = {name: column[order] for name, column in _metrics(frame).items()}
    seeds = frame.columns.get(("metadata", "global_seed"))
    return Rows(
        codes=np.stack([column[firsts] for column in codes], axis=1),
        seeds=None if seeds is None else seeds[firsts].astype(np.int64),
        starts=np.append(starts, len(trials)),
        epochs=epochs[order],
        metrics={
            name: column[last]
            for name, column in values.items()
            if METRICS_BY_NAME[name].table == "trials"
        },
        epoch_metrics={
            name: column for name, column in values.items()
            if METRICS_BY_NAME[name].table == "epochs"
        },
    )  # fmt: skip


def _order(trials: Ints, epochs: Ints) -> Ints | slice:
    """Return what sorts rows by trial and epoch; of sorted ones a slice, which copies nothing."""
    step, later = np.diff(trials), np.diff(epochs) > 0
    if ((step > 0) | ((step == 0) & later)).all():
        return slice(None)
    return np.lexsort((epochs, trials))


def _epochs(frame: Frame, group: str) -> Ints:
    found = frame.index["Epoch"] if group == "model_config" else frame.columns[group, "epoch"]
    epochs = found.astype(np.float64)
    if not (epochs == np.floor(epochs)).all() or (len(epochs) and epochs.min() < 1):
        raise ValueError("an epoch is no whole number from 1")
    return epochs.astype(np.int64)


def _codes(frame: Frame, group: str) -> tuple[list[FloatArray], Ints]:
    """Return the encoded columns of all parameters, and a number a row, equal for equal ones."""
    columns: list[FloatArray] = []
    keys = np.zeros(frame.rows, dtype=np.int64)
    for parameter in SPACE.parameters:
        values, of_row = np.unique(frame.columns[group, parameter.name], return_inverse=True)
        try:
            if isinstance(parameter, LogFloat):
                values = values.astype(np.float64)
                for extreme in (values.min(), values.max()):
                    parameter.encode(float(extreme))
                encoded = values
            else:
                encoded = np.array([parameter.encode(value) for value in values.tolist()])
        except InvalidConfigurationError as error:
            raise ValueError(str(error)) from None
        columns.append(encoded[of_row])
        _, keys = np.unique(keys * len(values) + of_row, return_inverse=True)
    return columns, keys


def _trials(frame: Frame, keys: Ints, epochs: Ints) -> Ints:
    """Return which trial each row is of, numbered in the order of their first rows.

    Where the frame does not say, the rows of one configuration are one trial, and rows of one
    epoch belong to several.
    """
    for label in (("sampling_index", "model_ID"), ("groups", "model_ID"), ("groups", "groups")):
        if label in frame.columns:
            return _in_order(frame.columns[label].astype(np.int64))
    pair = [
        frame.columns.get(("sampling_index", name), frame.index.get(name))
        for name in ("taskid", "model_idx")
    ]
    if pair[0] is not None and pair[1] is not None:
        tasks, models = (column.astype(np.int64) for column in pair if column is not None)
        return _in_order(tasks * (models.max() + 1) + models)
    order = np.lexsort((epochs, keys))
    new = np.diff(keys[order], prepend=-1) != 0
    new |= np.diff(epochs[order], prepend=-1) != 0
    starts = np.maximum.accumulate(np.where(new, np.arange(len(order)), 0))
    occurrence = np.empty(len(order), dtype=np.int64)
    occurrence[order] = np.arange(len(order)) - starts
    return _in_order(keys * (occurrence.max() + 1) + occurrence)


def _in_order(keys: Ints) -> Ints:
    """Return numbers from 0 for keys, in the order in which they come."""
    _, first, of_row = np.unique(keys, return_index=True, return_inverse=True)
    ranks = np.empty(len(first), dtype=np.int64)
    ranks[np.argsort(first)] = np.arange(len(first))
    return ranks[of_row]


def _metrics(frame: Frame) -> dict[str, FloatArray]:
    """Return the published values that have a place in the metric dictionary."""
    found: dict[str, FloatArray] = {}
    for (group, label, *_), column in frame.columns.items():
        name = _metric_name(group, label)
        if name is not None:
            values = column.astype(np.float64, copy=False)
            if name == "flops" and np.nanmax(values, initial=0.0) > _COUNTED_SINGLY:
                values = values / 1e6
            found[name] = values / LATENCY_BATCH if name == "latency" else values
    return found


def _metric_name(group: str, label: str) -> str | None:
    others = {"FLOPS": "flops", "latency": "latency", "runtime": "runtime", "size_MB": "params"}
    if group in ("labels", "diagnostic", "metadata") and label in others:
        return others[label]
    split, _, measured = label.partition("-") if group == "labels" else (group, "", label)
    if split in SPLITS and measured in _SUFFIXES:
        return f"{split}_{_SUFFIXES[measured]}"
    return None


def blocks_of(rows: Rows, *, dataset: str, numbering: Numbering) -> Iterator[tuple[float, Block]]:
    """Yield blocks of some hundred trials, and the share of all that is done then."""
    trials, first = len(rows.codes), 0
    while first < trials:
        end = int(np.searchsorted(rows.starts, rows.starts[first] + _BLOCK))
        end = min(max(end, first + 1), trials)
        yield end / trials, _block(rows, first, end, dataset, numbering)
        first = end


def _block(rows: Rows, first: int, end: int, dataset: str, numbering: Numbering) -> Block:
    low, high = rows.starts[first], rows.starts[end]
    lengths = np.diff(rows.starts[first : end + 1])
    trained = rows.epochs[rows.starts[first + 1 : end + 1] - 1]
    codes = rows.codes[first:end]
    numbers, repeats = numbering.of(codes)
    short = trained < HORIZON
    return Block(
        space=SPACE,
        dataset=dataset,
        recipe="jahs_bench_201",
        numbers=numbers,
        repeats=repeats,
        codes=codes,
        horizons=np.full(end - first, HORIZON),
        seeds=None if rows.seeds is None else rows.seeds[first:end],
        trained=trained,
        statuses=tuple(Status.FAILED if each else Status.COMPLETE for each in short),
        reasons=tuple(
            f"published to epoch {epoch} of {HORIZON}" if each else None
            for each, epoch in zip(short, trained, strict=True)
        ),
        metrics={name: column[first:end] for name, column in rows.metrics.items()},
        trial_of_epoch=np.repeat(np.arange(end - first), lengths),
        epochs=rows.epochs[low:high],
        epoch_metrics={name: column[low:high] for name, column in rows.epoch_metrics.items()},
    )
