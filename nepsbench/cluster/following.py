"""Reading what running jobs print, a piece each visit, for the few that somebody follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from nepsbench.cluster.attempt import Attempt, Work
from nepsbench.cluster.conversation import LogTail
from nepsbench.cluster.interface import Phase

#: Jobs that are read at the same time: the task log shows samples, the cluster has the whole.
_JOBS = 3
_FILES = ("stdout", "stderr")


@dataclass
class Following:
    """Which jobs are followed, and how far they were read.

    Attributes:
        keys: The jobs that somebody follows.
    """

    keys: set[str] = field(default_factory=set)
    _offsets: dict[str, int] = field(default_factory=dict)
    _texts: dict[str, bytes] = field(default_factory=dict)
    _owners: dict[str, str] = field(default_factory=dict)

    def tails(
        self, works: Mapping[str, Work], running: Mapping[str, Attempt]
    ) -> tuple[LogTail, ...]:
        """Return which files are to be read on in this visit: those of the first running jobs."""
        active = [k for k, a in running.items() if k in self.keys and a.phase is Phase.ACTIVE]
        paths = {
            f"{works[key].job.directory}/{name}": key for key in active[:_JOBS] for name in _FILES
        }
        self._owners |= paths
        return tuple(LogTail(path, self._offsets.get(path, 0)) for path in paths)

    def take(self, logs: Mapping[str, bytes]) -> None:
        """Keep what a visit brought: whole lines of it, or all if it has no end of line."""
        for path, new in logs.items():
            whole = new[: new.rfind(b"\n") + 1]
            if not whole and len(new) >= LogTail("").limit:
                whole = new
            self._offsets[path] = self._offsets.get(path, 0) + len(whole)
            self._texts[path] = self._texts.get(path, b"") + whole

    def drain(self) -> list[tuple[str, str]]:
        """Return (key, line) for all that came since the last call."""
        texts, self._texts = self._texts, {}
        return [
            (self._owners[path], line)
            for path, text in texts.items()
            for line in text.decode(errors="replace").splitlines()
        ]
