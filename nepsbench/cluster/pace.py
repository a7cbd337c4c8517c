"""When the next visit is due: soon while something changes, seldom while nothing does. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

#: A cluster is visited after a tenth of the time in which nothing has changed, within bounds.
_SHARE = 10
_SLOWEST = 20
#: Seconds; also the rhythm in which a broken connection is tried again in the end.
_LONGEST = 300.0
_JITTER = 0.1
_BREAKER = 5


@dataclass(frozen=True)
class Pace:
    """The rhythm of one cluster's visits.

    Attributes:
        shortest: Seconds between two visits at least.
        failures: Visits in a row that failed.
        changed: When something changed last, seconds since the epoch.
    """

    shortest: float
    failures: int = 0
    changed: float = 0.0

    @property
    def is_broken(self) -> bool:
        """True after several failures in a row: then a visit only looks, and orders nothing."""
        return self.failures >= _BREAKER

    def after(self, *, healthy: bool, changed: bool, now: float) -> Pace:
        """Return the pace after a visit."""
        if not healthy:
            return replace(self, failures=self.failures + 1)
        if changed or self.failures:
            return replace(self, failures=0, changed=now)
        return self

    def interval(self, now: float, random: Random) -> float:
        """Return the seconds until the next visit."""
        if self.failures:
            wait = self.shortest * 2.0 ** min(self.failures, 16)
        else:
            quiet = (now - self.changed) / _SHARE
            wait = min(max(self.shortest, quiet), self.shortest * _SLOWEST)
        wait = max(self.shortest, min(wait, _LONGEST))
        return wait * (1 + _JITTER * random.random())
