"""On the published table of NAS-Bench-201, optimisers beat random search as was published."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nepsbench.search.standing import result_of
from nepsbench.search.study import read_study
from nepsbench.search.studying import load_study, run_study

SHARED = Path(os.environ.get("NEPSBENCH_SHARED_DATA", "/nowhere"))
TABLE = SHARED / "nasbench201/seeds_200ep.csv.gz"
STUDY = Path(__file__).parents[2] / "include/studies/nasbench201-cifar10.yaml"

pytestmark = pytest.mark.slow


@pytest.mark.skipif(not TABLE.is_file(), reason="NEPSBENCH_SHARED_DATA has no NAS-Bench-201")
def test_evolution_and_a_library_beat_random_search_by_more_than_two_standard_errors(tmp_path):
    from nepsbench.campaign.importing import import_and_publish

    options = {"mapping": "nasbench201_200ep"}
    import_and_publish("table", TABLE, tmp_path, options=options, release="1.0.0")
    study = read_study(STUDY)
    run_study(study, tmp_path, jobs=2)
    standings = {each.row: each for each in result_of(*load_study(study.study, tmp_path)).standings}
    assert {each.searches for each in standings.values()} == {50}
    assert standings["evolution"].lead > 2
    assert standings["optuna_tpe"].lead > 2
