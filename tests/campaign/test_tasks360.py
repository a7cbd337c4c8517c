"""Campaigns beside NAS-Bench-360's published table."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from nepsbench.campaign.published360 import PUBLISHED, TASKS
from nepsbench.campaign.tasks360 import Entry, compare, entries_of, published_comparison
from nepsbench.campaign.tasks360_page import write_comparison
from nepsbench.errors import NepsbenchError, SpecError


def entry(method: str, dataset: str, *errors: float) -> Entry:
    return Entry(method, dataset, errors, "test_acc", 7200.0, "2 of 50 epochs", "c")


OURS = [
    entry("DenseNAS", "ecg", 0.5, 0.7),
    entry("GAEA PC-DARTS", "ecg", 0.4),
    entry("DenseNAS", "darcy_flow", 0.2),
    entry("GAEA PC-DARTS", "darcy_flow", 0.3),
    entry("DenseNAS", "digits", 40.0),
]


def test_errors_are_means_and_what_is_not_there_is_unknown() -> None:
    found = compare(OURS)
    assert found.methods == ("DenseNAS", "GAEA PC-DARTS")
    assert found.tasks == ("ecg", "darcy_flow", "digits")
    assert found.errors[0].tolist() == pytest.approx([0.6, 0.4])
    assert np.isnan(found.errors[2, 1])


def test_ranks_are_over_tasks_that_all_methods_have() -> None:
    found = compare(OURS)
    assert found.ranking is not None
    assert (found.ranking.blocks, found.ranking.ranks) == (2, (1.5, 1.5))
    assert compare([OURS[0]]).ranking is None


def test_the_published_table_is_whole_and_gaea_leads_it() -> None:
    found = published_comparison()
    assert found.tasks == tuple(TASKS)
    assert sum(len(row) for row in PUBLISHED.values()) == 10 * 6 + 2 * 9 + 6
    best = {task: min(PUBLISHED, key=lambda m: PUBLISHED[m].get(task, np.inf)) for task in TASKS}
    assert best["darcy_flow"] == best["deepsea"] == best["cifar100"] == "expert"
    assert best["spherical_cifar100"] == best["psicov"] == "GAEA PC-DARTS"


def test_the_page_sets_ours_beside_the_published(tmp_path: Path) -> None:
    place = write_comparison(OURS, tmp_path)
    text = place.read_text()
    assert "0.6 (2) / 0.4" in text  # DenseNAS on ECG
    assert "0.3 (1) / 0.026" in text  # GAEA PC-DARTS on Darcy Flow
    assert "40 (1) / \N{EN DASH}" in text  # a dataset that is none of the ten
    assert "2 (preliminary)" in text
    assert text.count("<svg viewBox") == 2
    content = json.loads((tmp_path / "nasbench360.json").read_text())
    assert content["entries"][0]["mean"] == pytest.approx(0.6)
    assert content["published"]["XGBoost"]["cosmic"] == 46.26


@pytest.mark.whole
def test_a_campaign_of_another_space_does_not_count(copy: Path) -> None:
    (name,) = [path.name for path in (copy / "campaigns").iterdir()]
    with pytest.raises(SpecError, match="compares searches"):
        entries_of(name, copy)
    with pytest.raises(NepsbenchError, match="no such campaign"):
        entries_of("nobody", copy)
