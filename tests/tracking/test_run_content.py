from __future__ import annotations

import pytest

from nepsbench.schema import Status
from nepsbench.tracking import content
from tests.warehouse.warehouse_results import results


def test_a_missing_value_is_neither_tag_nor_parameter_nor_point() -> None:
    trials, epochs = results(1, 1, host=None, recipe=None, flops=None)
    [row] = trials.to_pylist()

    assert "nepsbench.host" not in content.tags(row)
    assert "recipe" not in {param.key for param in content.params(row)}
    assert "flops" not in {m.key for m in content.metrics(row, epochs.to_pylist(), after=0)}


def test_points_beyond_the_logged_epoch_have_the_same_times_each_time() -> None:
    trials, epochs = results(1, 4)
    [row] = trials.to_pylist()

    points = content.metrics(row, epochs.to_pylist(), after=2)

    assert {point.step for point in points} == {3, 4}
    again = content.metrics(row, epochs.to_pylist(), after=2)
    assert [dict(p) for p in points] == [dict(p) for p in again]


@pytest.mark.parametrize("status", Status)
def test_every_status_has_a_run_status(status: Status) -> None:
    assert content.run_status({"status": status.value}) in {
        "SCHEDULED", "RUNNING", "FINISHED", "FAILED", "KILLED",
    }  # fmt: skip
