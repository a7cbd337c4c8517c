"""Settings searched by jobs of a local cluster, on tables whose values are known."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from nepsbench.campaign.publish import judged_surrogate
from nepsbench.cli.main import app
from nepsbench.cluster import Cluster, ClusterFile, open_cluster
from nepsbench.errors import CorruptedFileError, NepsbenchError, SpecError
from nepsbench.surrogate.boosting import Boosting
from nepsbench.surrogate.evaluation import held_out_of
from nepsbench.surrogate.fitting import training_data
from nepsbench.surrogate.tuned import settings_file, tuned_settings
from nepsbench.tuning.form import TuningForm, parse_tuning
from nepsbench.tuning.run import Tuned, run_tuning
from nepsbench.tuning.scoring import cross_validated
from nepsbench.tuning.settings import Asker
from nepsbench.warehouse import open_warehouse
from tests.tiny_benchmark import NAME, SPACE, plain_tables

pytestmark = pytest.mark.whole

FORM = TuningForm(benchmark=NAME, rounds=2, parallel=3, folds=2, seed=5)


def quiet(_: str) -> None:
    """Say nothing."""


def cluster_at(root: Path) -> Cluster:
    file = ClusterFile(name="here", kind="local", root=str(root), python=sys.executable,
                       limits={"cpus_per_node": 2}, poll_interval=0.2)  # fmt: skip
    return open_cluster(file)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Tuned]:
    """A warehouse of 40 trials, and what two rounds of three settings found."""
    home = tmp_path_factory.mktemp("home")
    open_warehouse(home).ingest(NAME, *plain_tables(40))
    with cluster_at(home / "cluster") as cluster:
        return home, run_tuning(FORM, home, cluster, say=quiet)


@pytest.fixture
def searched(first: tuple[Path, Tuned], tmp_path: Path) -> tuple[Path, Tuned]:
    """A copy of it that a test may go on with, the cluster's folder at its old place."""
    home, found = first
    shutil.copytree(home, tmp_path / "home", ignore=shutil.ignore_patterns("cluster"))
    (tmp_path / "home/cluster").symlink_to(home / "cluster")
    path = tmp_path / "home" / found.path.relative_to(home)
    return tmp_path / "home", replace(found, path=path)


def test_the_best_is_kept_and_no_worse_than_the_default(searched: tuple[Path, Tuned]):
    _, found = searched
    content = json.loads(found.path.read_text())
    tried = content["tried"]
    assert [row["round"] for row in tried] == [1, 1, 1, 2, 2, 2]
    assert tried[0]["settings"]["iterations"] == Boosting().iterations
    assert found.default_score == tried[0]["score"]
    assert found.score == max(row["score"] for row in tried) >= found.default_score
    assert len({json.dumps(row["settings"]) for row in tried}) == 6


def test_a_score_is_what_the_same_splits_give_here_without_the_cards_configurations(
    searched: tuple[Path, Tuned],
):
    _, found = searched
    data = training_data(*plain_tables(40), SPACE)
    out = held_out_of(data)
    names = {name for name, held in zip(data.config_ids, out, strict=True) if not held}
    assert len(names) == 32
    trials, epochs = plain_tables(40)
    rows = [row["config_id"] in names for row in trials.to_pylist()]
    trials = trials.filter(pa.array(rows))
    numbers = set(trials["model_idx"].to_pylist())
    part = epochs.filter(pa.array([n in numbers for n in epochs["model_idx"].to_pylist()]))
    expected = cross_validated(
        training_data(trials, part, SPACE), found.best, metric="valid_acc", folds=2, seed=5
    )
    assert found.score == expected


def test_again_asks_the_same_and_runs_no_job(searched: tuple[Path, Tuned]):
    home, found = searched
    before = sorted((home / "cluster/tuning").rglob("score-*.json"))
    times = [path.stat().st_mtime_ns for path in before]
    with cluster_at(home / "cluster") as cluster:
        again = run_tuning(FORM, home, cluster, say=quiet)
        longer = run_tuning(FORM.model_copy(update={"rounds": 3}), home, cluster, say=quiet)
    assert again == found
    assert [path.stat().st_mtime_ns for path in before] == times
    assert len(json.loads(longer.path.read_text())["tried"]) == 9


def test_fits_on_the_same_tables_use_them_and_on_others_do_not(
    searched: tuple[Path, Tuned], tmp_path: Path
):
    home, _ = searched
    state = open_warehouse(home).commit.state_of(NAME)
    settings = tuned_settings(NAME, state, home)
    assert settings is not None
    card = judged_surrogate(NAME, home).card
    assert card is not None
    assert card["boosting"] == json.loads(settings_file(NAME, state, home).read_text())["settings"]
    assert tuned_settings(NAME, "another", home) is None
    path = settings_file(NAME, "broken", tmp_path)
    path.parent.mkdir(parents=True)
    path.write_text('{"settings": {"leaves": 3}}')
    with pytest.raises(CorruptedFileError, match=r"broken\.json: no settings of a surrogate"):
        tuned_settings(NAME, "broken", tmp_path)


def test_the_sampler_learns_where_the_best_is():
    asker = Asker(Boosting(), seed=3)
    last: list[float] = []
    for _ in range(12):
        asked = asker.ask(4)
        last = [-abs(each.depth - 7) - abs(each.learning_rate - 0.05) for each in asked]
        asker.tell(last)
    assert max(last) > -0.5
    first, second = (Asker(Boosting(), seed=3).ask(4) for _ in range(2))
    assert first == second
    assert first[0] == Boosting()


def test_a_bad_form_and_a_metric_that_is_not_there_are_named(tmp_path: Path):
    with pytest.raises(SpecError, match="tuning: rounds"):
        parse_tuning({"benchmark": NAME, "rounds": 0})
    with pytest.raises(SpecError, match="tuning: folds"):
        parse_tuning({"benchmark": NAME, "folds": "many"})
    open_warehouse(tmp_path).ingest(NAME, *plain_tables(10))
    with (
        cluster_at(tmp_path / "cluster") as cluster,
        pytest.raises(NepsbenchError, match=f"{NAME} has no train_acc; there are: .*valid_acc"),
    ):
        run_tuning(FORM.model_copy(update={"metric": "train_acc"}), tmp_path, cluster, say=quiet)


def test_the_command_tells_what_it_found(searched: tuple[Path, Tuned], monkeypatch, tmp_path: Path):
    home, found = searched
    (tmp_path / "here.yaml").write_text(
        f"name: here\nkind: local\nroot: {home}/cluster\npython: {sys.executable}\n"
        "limits: {cpus_per_node: 2}\n"
    )
    monkeypatch.setenv("NEPSBENCH_CLUSTERS", str(tmp_path))
    asked = ["surrogate", "tune", NAME, "--rounds", "2", "--parallel", "3", "--folds", "2"]
    ran = CliRunner().invoke(app, [*asked, "--seed", "5", "--cluster", "here", "--home", str(home)])
    assert ran.exit_code == 0, ran.output
    assert f"tau {found.score:.4f}, without a search {found.default_score:.4f}" in ran.output
