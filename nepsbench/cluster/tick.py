"""What one tick of a driver did: the line that people and dashboards read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Tick:
    """One tick.

    Attributes:
        cluster: Of which cluster.
        at: When, in seconds since the epoch.
        leads: False if another process drives the cluster: then nothing was done.
        visited: Whether the login node saw a command.
        healthy: The queue answered; True also where there was nothing to ask.
        problem: Why it did not.
        seconds: How long the visit took.
        counts: Open attempts by phase, and under ``waiting`` works that wait for room.
        submitted: Jobs that the queue took.
        cancelled: Jobs whose end was ordered.
        ended: Attempts that were found to have ended.
        strays: Jobs of ours in the queue that no open attempt speaks for; they are cancelled.
        failures: Visits in a row that failed.
        next_in: Seconds until the next visit is due.
    """

    cluster: str
    at: float
    leads: bool = True
    visited: bool = False
    healthy: bool = True
    problem: str = ""
    seconds: float = 0.0
    counts: Mapping[str, int] = field(default_factory=dict)
    submitted: int = 0
    cancelled: int = 0
    ended: int = 0
    strays: int = 0
    failures: int = 0
    next_in: float = 0.0

    def line(self) -> str:
        """Return the metrics line: words of the form key=value."""
        values: dict[str, object] = {
            "cluster": self.cluster,
            "healthy": str(self.healthy).lower(),
            "visited": str(self.visited).lower(),
            "seconds": f"{self.seconds:.3f}",
            **{f"jobs_{phase}": count for phase, count in sorted(self.counts.items())},
            "submitted": self.submitted,
            "cancelled": self.cancelled,
            "ended": self.ended,
            "strays": self.strays,
            "failures": self.failures,
            "next_in": f"{self.next_in:.1f}",
        }
        return " ".join(f"{name}={value}" for name, value in values.items())
