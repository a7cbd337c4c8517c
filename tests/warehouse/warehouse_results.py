"""Plausible results of a small profile, for the tests of warehouse and tracking."""

from __future__ import annotations

from datetime import datetime, timedelta

import pyarrow as pa

from nepsbench.schema import EPOCH_METRICS
from nepsbench.spaces import get_space
from nepsbench.warehouse.tables import epoch_schema, trial_schema

BENCHMARK = "nepsbench101-digits"
SPACE = get_space("nepsbench101")


def results(
    trials: int = 3,
    epochs: int = 2,
    *,
    profile: str = "p",
    target: int | None = None,
    **changes: object,
) -> tuple[pa.Table, pa.Table]:
    """Return plausible results: ``changes`` overwrite columns of every trial."""
    rows = [_trial(profile, index, epochs, target or epochs) | changes for index in range(trials)]
    curve = [
        _epoch(profile, index, epoch) for index in range(trials) for epoch in range(1, epochs + 1)
    ]
    return (
        pa.Table.from_pylist(rows, schema=trial_schema(SPACE)),
        pa.Table.from_pylist(curve, schema=epoch_schema()),
    )


def _trial(profile: str, index: int, epochs: int, target: int) -> dict[str, object]:
    started = datetime(2026, 1, 1) + timedelta(minutes=index)
    configuration = SPACE.defaults | {"LearningRate": 0.001 * (index + 1)}
    return {
        "profile": profile,
        "taskid": index // 2,
        "model_idx": index % 2 + 1,
        "origin": "trained",
        "config_id": SPACE.config_id(configuration),
        "seed": 1000 + index,
        "status": "complete" if epochs == target else "timeout",
        "epochs": epochs,
        "target_epochs": target,
        "params": 0.5,
        "flops": 1.5,
        "space": "nepsbench101",
        "space_version": 1,
        "dataset": "digits",
        "recipe": "nepsbench101/1",
        "started": started,
        "ended": started + timedelta(seconds=10 * epochs),
        **configuration,
    }


def _epoch(profile: str, index: int, epoch: int) -> dict[str, object]:
    metrics = {metric.name: 1.0 + index + epoch / 8 for metric in EPOCH_METRICS}
    key = {"profile": profile, "taskid": index // 2, "model_idx": index % 2 + 1, "epoch": epoch}
    return key | metrics
