"""When a worker must stop: a signal, or the end of its job's time.

Imports nothing heavy, so that a worker can listen before torch is loaded.
"""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from nepsbench.cluster.warning import stop_time

SIGNALS = (signal.SIGUSR1, signal.SIGTERM)

#: An epoch may take this much longer than the longest one so far.
_MARGIN = 1.25


class Interruption:
    """Knows the deadline, and whether a signal came. Without a limit there is no deadline."""

    def __init__(self) -> None:
        self._began = _job_start()
        self._deadline = math.inf
        self._signal: signal.Signals | None = None

    def limit(self, time_limit: int) -> None:
        """Set the job's time limit; the deadline is when the queue's warning is due."""
        self._deadline = self._began + stop_time(time_limit)

    @property
    def signalled(self) -> signal.Signals | None:
        """The signal that came, or None."""
        return self._signal

    def now(self) -> bool:
        """Return whether the epoch in flight must be abandoned."""
        return self._signal is not None or time.time() >= self._deadline

    def leaves_time_for(self, epoch: float) -> bool:
        """Return whether another epoch, the longest so far having taken ``epoch`` seconds, fits."""
        return time.time() + _MARGIN * epoch < self._deadline

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Within, the signals ask to stop instead of killing the process."""
        before = {number: signal.signal(number, self._heard) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _heard(self, number: int, _frame: FrameType | None) -> None:
        self._signal = signal.Signals(number)


def _job_start() -> float:
    """Return when the job's script says that it started; now, if it says nothing of sense."""
    now = time.time()
    try:
        started = float(os.environ.get("NEPSBENCH_STARTED", ""))
    except ValueError:
        return now
    return started if 0 < started <= now else now
