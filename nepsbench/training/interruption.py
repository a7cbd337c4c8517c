"""When a worker must stop: a signal, or the end of its job's time."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGUSR1, signal.SIGTERM)

#: Seconds kept free at the end of a job for what cannot be interrupted (a batch, a checkpoint).
RESERVE = 2.0
#: An epoch may take this much longer than the longest one so far.
_MARGIN = 1.25


class Interruption:
    """Knows the deadline, and whether a signal came.

    Args:
        time_limit: Seconds that the job may take from its start.
        reserve: Seconds of it that training leaves unused.
    """

    def __init__(self, time_limit: float, *, reserve: float = RESERVE) -> None:
        began = float(os.environ.get("SLURM_JOB_START_TIME") or time.time())
        self._deadline = began + time_limit - min(reserve, time_limit / 10)
        self._signal: signal.Signals | None = None

    @property
    def signalled(self) -> str | None:
        """The name of the signal that came, or None."""
        return self._signal.name if self._signal is not None else None

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
