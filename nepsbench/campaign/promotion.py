"""Successive halving by waves: each wave goes on with the best trials of the one before.

A wave is a rung. Unlike asynchronous halving (Li et al., ASHA, MLSys 2020), a rung is judged when
all its trials have reached it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from nepsbench.campaign.form import Campaign
from nepsbench.datasets import about
from nepsbench.sampling import Profile
from nepsbench.scheduling.measured import Measured
from nepsbench.schema import METRICS_BY_NAME
from nepsbench.warehouse import open_warehouse


def promoted(campaign: Campaign, profile: Profile, epochs: int, home: Path) -> np.ndarray | None:
    """Return which trials go on to a wave, shape (trials,); None where all do.

    Of the trials that reached the wave before, one of ``campaign.promote`` goes on, at least one:
    those with the best validation metric there; of equal ones those that were drawn earlier.

    Args:
        campaign: The campaign.
        profile: Its trials.
        epochs: The wave.
        home: The data home.
    """
    rung = campaign.waves.index(epochs) if epochs in campaign.waves else 0
    if campaign.promote is None or rung == 0:
        return None
    metric = METRICS_BY_NAME[f"valid_{about(campaign.dataset).task.metric}"]
    rows = open_warehouse(home).query(
        f"select taskid, model_idx, {metric.name} as value from epochs "
        "where profile = $profile and epoch = $epoch order by taskid, model_idx",
        profile=profile.name,
        epoch=campaign.waves[rung - 1],
    )
    values = {(row["taskid"], row["model_idx"]): row["value"] for row in rows.to_pylist()}
    keys = zip(profile.taskid.tolist(), profile.model_idx.tolist(), strict=True)
    found = np.array([values.get(key) for key in keys], dtype=np.float64)
    errors = np.where(np.isnan(found), np.inf, -found if metric.direction == "max" else found)
    reached = int(np.isfinite(errors).sum())
    best = np.argsort(errors, kind="stable")[: max(1, reached // campaign.promote)]
    chosen = np.zeros(len(profile), dtype=np.bool_)
    chosen[best[np.isfinite(errors[best])]] = True
    return chosen


def leave_out(measured: Measured, chosen: np.ndarray | None) -> Measured:
    """Return ``measured`` with no training to come for trials that were not chosen."""
    if chosen is None:
        return measured
    return replace(measured, ended=measured.ended | ~chosen)
