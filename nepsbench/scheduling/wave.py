"""One wave of a profile: which of its trials still need training, for how long, and the plan."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from nepsbench.sampling.profile import Profile
from nepsbench.scheduling.estimate import Estimate, cost_features, seconds_per_epoch
from nepsbench.scheduling.limits import Limits
from nepsbench.scheduling.measured import Measured, nothing_measured
from nepsbench.scheduling.plan import Plan, plan
from nepsbench.scheduling.writing import write_plan


@dataclass(frozen=True)
class WavePlan:
    """The plan of a wave.

    Attributes:
        plan: Its trial i is row i of ``rows``.
        rows: The profile's rows that need training.
        estimate: Seconds per epoch of the whole profile.
    """

    plan: Plan
    rows: pa.Table
    estimate: Estimate

    def write(self, directory: Path) -> list[Path]:
        """Write the plan and return each job's folder; see :func:`write_plan`."""
        return write_plan(self.plan, self.rows, directory)


def plan_wave(
    profile: Profile, limits: Limits, *, epochs: int, measured: Measured | None = None
) -> WavePlan:
    """Plan the training of every trial of ``profile`` up to ``epochs``.

    Trials that have reached them, or diverged, are left out.

    Args:
        profile: All trials.
        limits: What each job must stay within.
        epochs: The wave's milestone.
        measured: What earlier waves measured and trained.
    """
    measured = measured or nothing_measured(profile)
    table = profile.to_table()
    told = np.asarray(table["seconds_per_epoch"].fill_null(float("nan")), dtype=np.float64)
    estimate = seconds_per_epoch(
        measured.seconds_per_epoch,
        features=cost_features(profile.space, profile.codes),
        fallback=told,
    )
    left = measured.epochs_left(epochs)
    pending = np.flatnonzero(left > 0)
    rows = table.take(pa.array(pending))
    planned = plan(
        estimate.seconds[pending] * left[pending],
        limits,
        memory_mb=np.asarray(rows["memory_mb"], dtype=np.float64),
    )
    return WavePlan(planned, rows, estimate)
