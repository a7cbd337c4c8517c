"""Successive halving by waves: who goes on, and that the others are left alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from small_campaign import cluster_at

from nepsbench.campaign import promotion
from nepsbench.campaign.form import parse_campaign, read_form
from nepsbench.campaign.promotion import leave_out, promoted
from nepsbench.campaign.run import run_campaign
from nepsbench.errors import SpecError
from nepsbench.sampling import Profile, create_profile
from nepsbench.scheduling.measured import nothing_measured
from nepsbench.warehouse import open_warehouse

CAMPAIGN = parse_campaign({"streams": 2, "samples": 4, "waves": "1,2,3", "promote": 2})
PROFILE = create_profile(CAMPAIGN.spec())


class Warehouse:
    """Has what a wave measured, by trial in the profile's order."""

    def __init__(self, values: dict[int, float | None]) -> None:
        self.values = values
        self.asked: dict[str, Any] = {}

    def query(self, _: str, **parameters: Any) -> pa.Table:
        self.asked = parameters
        rows = [(PROFILE.taskid[k], PROFILE.model_idx[k], v) for k, v in self.values.items()]
        names = ("taskid", "model_idx", "value")
        return pa.table({n: [row[i] for row in rows] for i, n in enumerate(names)})


def chosen(
    monkeypatch: pytest.MonkeyPatch, values: dict[int, float | None], epochs: int, **changes: Any
) -> list[int]:
    warehouse = Warehouse(values)
    monkeypatch.setattr(promotion, "open_warehouse", lambda _: warehouse)
    campaign = CAMPAIGN.model_copy(update=changes)
    found = promoted(campaign, PROFILE, epochs, Path())
    assert found is not None
    assert warehouse.asked["epoch"] < epochs
    return np.flatnonzero(found).tolist()


def test_the_better_half_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    accuracy = {k: float(v) for k, v in enumerate([10, 50, 20, 60, 30, 70, 40, 80])}
    assert chosen(monkeypatch, accuracy, 2) == [1, 3, 5, 7]
    assert chosen(monkeypatch, {k: accuracy[k] for k in (1, 3, 5, 7)}, 3) == [5, 7]


def test_at_least_one_goes_on_and_equal_ones_by_their_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert chosen(monkeypatch, {3: 60.0}, 3) == [3]
    assert chosen(monkeypatch, dict.fromkeys(range(8), 50.0), 2) == [0, 1, 2, 3]
    assert chosen(monkeypatch, {k: float(k) for k in range(8)}, 2, promote=4) == [6, 7]


def test_trials_without_a_value_do_not_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chosen(monkeypatch, {0: None, 1: 5.0, 2: None, 3: 4.0}, 2) == [1]
    assert chosen(monkeypatch, {0: None}, 2) == []


def test_of_an_error_the_lower_is_better(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {k: float(k) for k in range(8)}
    assert chosen(monkeypatch, values, 2, dataset="darcy_flow") == [0, 1, 2, 3]


def test_without_it_and_in_the_first_wave_all_go_on() -> None:
    assert promoted(CAMPAIGN, PROFILE, 1, Path()) is None
    assert promoted(CAMPAIGN.model_copy(update={"promote": None}), PROFILE, 2, Path()) is None
    measured = nothing_measured(PROFILE)
    assert leave_out(measured, None) is measured
    some = np.arange(len(PROFILE)) < 3
    assert leave_out(measured, some).epochs_left(2).tolist() == [2, 2, 2, 0, 0, 0, 0, 0]


def test_it_must_leave_some_out() -> None:
    with pytest.raises(SpecError, match="promote"):
        parse_campaign({"promote": 1})


def test_the_published_tuning_is_a_form_that_is_sound() -> None:
    root = Path(__file__).parents[2]
    campaign = parse_campaign(read_form(root / "include/profiles/nasbench360-tuning.json"))
    assert (campaign.samples, len(campaign.waves), campaign.promote) == (28, 5, 4)
    assert isinstance(create_profile(campaign.spec()), Profile)


@pytest.mark.whole
def test_a_campaign_trains_fewer_trials_further(tmp_path: Path) -> None:
    form = {"streams": 1, "samples": 4, "waves": "1,2,3", "promote": 2}
    campaign = parse_campaign(form)
    with cluster_at(tmp_path / "cluster") as cluster:
        run_campaign(campaign, tmp_path, cluster, say=lambda _: None)
    rows = open_warehouse(tmp_path).query(
        "select model_idx, epochs, status, (select valid_acc from epochs e where e.profile = "
        "t.profile and e.model_idx = t.model_idx and epoch = 1) as first from trials t "
        "order by first desc, model_idx"
    )
    assert rows["epochs"].to_pylist()[2:] == [1, 1]
    assert sorted(rows["epochs"].to_pylist()) == [1, 1, 2, 3]
    assert set(rows["status"].to_pylist()) == {"complete"}
