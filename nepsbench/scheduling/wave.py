"""One wave of a profile: which of its trials still need training, for how long, and the plan."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from nepsbench.sampling.profile import Profile
from nepsbench.scheduling.advice import advice
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
        warnings: What to think about before its jobs are submitted, a line each.
    """

    plan: Plan
    rows: pa.Table
    estimate: Estimate
    warnings: tuple[str, ...]

    def write(self, directory: Path, *, force: bool = False) -> list[Path]:
        """Write the plan and return each job's folder; see :func:`write_plan`."""
        return write_plan(self.plan, self.rows, directory, warnings=self.warnings, force=force)


def plan_wave(
    profile: Profile, limits: Limits, *, epochs: int, measured: Measured | None = None
) -> WavePlan:
    """Plan the training of every trial of ``profile`` up to ``epochs``.

    Trials that have reached them, or ended otherwise, are left out. Where runtimes are estimated
    and the measured ones say that the margin is too low, it is raised to the estimate's tail.

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
    guessed = bool(np.isnan(measured.seconds_per_epoch[pending]).any())
    margin = max(limits.margin, estimate.tail or 1.0) if guessed else limits.margin
    planned = plan(
        estimate.seconds[pending] * left[pending],
        replace(limits, margin=margin),
        memory_mb=np.asarray(rows["memory_mb"], dtype=np.float64),
    )
    return WavePlan(planned, rows, estimate, advice(planned, estimate, asked=limits))
