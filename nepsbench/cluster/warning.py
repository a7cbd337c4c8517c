"""When workers are told to stop (SIGUSR1): the one definition for queues, workers and plans."""

from __future__ import annotations

_LONGEST = 120
_SHARE = 4


def warning_time(time_limit: int) -> int:
    """Return how many seconds before its time limit a job's workers are told to stop."""
    return max(1, min(_LONGEST, time_limit // _SHARE))


def stop_time(time_limit: int) -> int:
    """Return after how many seconds of a job its workers are told to stop."""
    return time_limit - warning_time(time_limit)


def time_limit_for(seconds: float) -> float:
    """Return the time limit whose workers have ``seconds`` before they are told to stop."""
    return min(seconds * _SHARE / (_SHARE - 1), seconds + _LONGEST)
