"""When a job counts as lost: after several healthy polls in a row in which nothing spoke for it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from nepsbench.cluster.interface import Phase, Snapshot


@dataclass
class LostCounter:
    """Turns ``MISSING`` into ``LOST`` with patience.

    A queue forgets jobs, a shared file system shows a marker late, and a controller that restarts
    answers with half its jobs. One look proves nothing.

    Attributes:
        patience: Healthy snapshots in a row that must miss a job.
        missed: So far, by job key; keep it to continue in another process.
    """

    patience: int = 3
    missed: dict[str, int] = field(default_factory=dict)

    def settle(self, snapshot: Snapshot) -> Snapshot:
        """Return ``snapshot`` with the jobs that are lost by now marked so; count the rest."""
        if not snapshot.healthy:
            return snapshot
        states = dict(snapshot.states)
        for key, state in states.items():
            if state.phase is not Phase.MISSING:
                self.missed.pop(key, None)
                continue
            self.missed[key] = self.missed.get(key, 0) + 1
            if self.missed[key] >= self.patience:
                states[key] = replace(state, phase=Phase.LOST)
        return replace(snapshot, states=states)
