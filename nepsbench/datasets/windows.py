"""Windows of signals: pieces of one length, each a step after the one before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nepsbench.datasets.examples import Examples
from nepsbench.datasets.scratch import scratch_array


@dataclass(frozen=True)
class Signal:
    """A recording of one class.

    Attributes:
        values: float32, shape (channels, time).
        label: Its class.
        step: From the start of a window to that of the next.
    """

    values: NDArray[np.float32]
    label: int
    step: int


def cut_windows(signals: list[Signal], length: int, *, within: bool, grouped: bool) -> Examples:
    """Return the windows of all signals, in their order; a group is the windows of one signal.

    Args:
        signals: What to cut.
        length: Of a window.
        within: True for every window that ends within the signal; False leaves out the one that
            ends with the signal's last value, as published code does.
        grouped: Whether the examples say which signal they are of.
    """
    starts = [
        np.arange(0, signal.values.shape[1] - length + within, signal.step) for signal in signals
    ]
    counts = [len(start) for start in starts]
    channels = signals[0].values.shape[0] if signals else 1
    inputs = scratch_array((sum(counts), channels, length), np.float32)
    end = 0
    for signal, start in zip(signals, starts, strict=True):
        if len(start):
            windows = np.lib.stride_tricks.sliding_window_view(signal.values, length, axis=1)
            inputs[end : end + len(start)] = windows[:, start].swapaxes(0, 1)
        end += len(start)
    labels = np.repeat(np.array([signal.label for signal in signals], np.int64), counts)
    groups = np.repeat(np.arange(len(signals)), counts) if grouped else None
    return Examples(inputs, labels, groups)
