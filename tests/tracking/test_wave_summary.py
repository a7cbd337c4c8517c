"""What a wave's run in MLflow says of all its trials."""

from __future__ import annotations

from typing import Any

import pytest

from nepsbench.schema import JUDGES
from nepsbench.tracking.waves import _summary


def epoch(number: int, **metrics: float) -> dict[str, Any]:
    nothing = dict.fromkeys(metric.name for metric in JUDGES)
    return {"taskid": 0, "epoch": number, "runtime": 1800.0 * number} | nothing | metrics


def trial(number: int, *, epochs: int, status: str = "running") -> dict[str, Any]:
    return {"taskid": 0, "model_idx": number, "epochs": epochs, "status": status}


@pytest.mark.parametrize(
    ("metric", "best"), [("valid_acc", 0.75), ("valid_rel_l2", 0.25), ("valid_auroc_error", 0.25)]
)
def test_the_best_is_the_highest_or_the_lowest_as_the_task_is_judged(metric, best):
    rows = [trial(1, epochs=2), trial(2, epochs=4), trial(3, epochs=0, status="diverged")]
    curves = {
        (0, 1): [epoch(1, **{metric: 0.9}), epoch(2, **{metric: 0.75})],
        (0, 2): [epoch(n, **{metric: 0.125 * n}) for n in range(1, 5)],
    }
    assert _summary(rows, curves, 2) == {
        "trials": 3, "trials_complete": 2, "trials_diverged": 1, "cpu_hours": 2.0,
        f"best_{metric}": best, f"mean_{metric}": 0.5,
    }  # fmt: skip
