from __future__ import annotations

import json
import multiprocessing
import re

import numpy as np
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from nepsbench.cli.main import app
from nepsbench.errors import ConflictError, NepsbenchError, SpecError, StorageError
from nepsbench.pages.plots import Line, line_plot
from nepsbench.release import build_release
from nepsbench.search.contest import Contest
from nepsbench.search.hypervolume import hypervolume, nondominated
from nepsbench.search.ranks import performance_profile, ranking
from nepsbench.search.standing import result_of
from nepsbench.search.study import parse_study, read_study
from nepsbench.search.studying import (
    EVALUATIONS,
    PARTS,
    load_study,
    reproduce_row,
    run_study,
    study_folder,
)
from nepsbench.search.trajectories import by_evaluations, by_time
from nepsbench.surrogate import fit
from nepsbench.surrogate.fitting import Boosting
from tests.tiny_benchmark import INFO, NAME, plain_tables

STUDY = {
    "study": "small",
    "benchmark": NAME,
    "seeds": 3,
    "budget": {"queries": 12},
    "durations": "train",
    "cluster": {"workers": 2},
    "optimisers": [
        "random",
        {"name": "evolution", "arguments": {"population": 4, "sample": 2}},
        "hyperband",
    ],
}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A data home with a release of forty configurations, on which the study ``small`` was run."""
    folder = tmp_path_factory.mktemp("home")
    trials, epochs = plain_tables(40)
    build_release(
        name=NAME, version="1.0.0", benchmark_info=INFO, trials=trials, epochs=epochs,
        surrogate=fit(trials, epochs, space="nepsbench101", boosting=Boosting(iterations=20)),
        card=None, target=folder / "releases",
    )  # fmt: skip
    run_study(study(), folder)
    return folder


def study(**changes):
    return parse_study({**STUDY, **changes}, where="study.yaml")


def test_a_study_becomes_a_row_an_evaluation_with_what_made_it(home):
    read, table, made = load_study("small", home)
    assert read == study()
    assert table.num_rows == 3 * 3 * 12
    assert (made["benchmark"], made["version"]) == (NAME, "1.0.0")
    assert set(table["status"].to_pylist()) == {"complete"}
    first = table.slice(0, 1).to_pylist()[0]
    answer = Contest(read, home).bench(json.loads(first["configuration"]), first["fidelity"])
    assert first["valid_acc"] == answer["valid_acc"]


def test_a_table_is_asked_for_what_it_holds_only(home):
    _, table, _ = load_study("small", home)
    assert len(set(table["config_id"].to_pylist())) <= 40


def test_a_study_that_was_killed_goes_on_with_what_is_missing(home):
    again = study(study="killed")
    run_study(again, home)
    folder = study_folder("killed", home)
    whole = load_study("killed", home)[1]
    for part in ("random-1", "hyperband-2"):
        done = []
        (folder / EVALUATIONS).unlink()
        _split(folder, whole)
        (folder / PARTS / f"{part}.parquet").unlink()
        run_study(again, home, progress=lambda n, of, done=done: done.append((n, of)))
        assert done == [(9, 9)]
        assert load_study("killed", home)[1].equals(whole)


def _split(folder, whole):
    """Put the parts back as they were before the last search ended."""
    from nepsbench.search.results import write_results
    from nepsbench.search.studying import _part

    made = provenance_of(folder)
    for row in ("random", "evolution", "hyperband"):
        for seed in range(3):
            kept = pa.compute.and_(
                pa.compute.equal(whole["optimiser"], row), pa.compute.equal(whole["seed"], seed)
            )
            write_results(_part(folder, (row, seed)), whole.filter(kept), made)


def provenance_of(folder):
    from nepsbench.search.results import provenance

    read = parse_study(json.loads((folder / "study.json").read_text()), where="study")
    return provenance(read.model_dump(), Contest(read, folder.parents[1]).bench)


def test_two_processes_give_the_same_as_one(home):
    run_study(study(study="two"), home, jobs=2)
    once, again = load_study("small", home)[1], load_study("two", home)[1]
    assert once.equals(again)


def test_a_surrogate_is_searched_beyond_the_table(home):
    run_study(study(study="predicted", kind="surrogate", durations="epochs"), home)
    table = load_study("predicted", home)[1]
    assert set(table["status"].to_pylist()) == {"complete"}
    assert len(set(table["config_id"].to_pylist())) > 40


def test_a_process_that_is_killed_costs_only_the_searches_that_it_had(home):
    def kill(done, _):
        if done == 1:
            for child in multiprocessing.active_children():
                child.kill()

    many = study(study="broken", seeds=12)
    with pytest.raises(NepsbenchError, match="a process was killed") as caught:
        run_study(many, home, jobs=2, progress=kill)
    assert "\n" not in str(caught.value)
    done = []
    run_study(many, home, progress=lambda number, _: done.append(number))
    assert done[0] > 1
    assert done[-1] == 36


def test_a_row_is_reproduced_bit_for_bit(home):
    done = reproduce_row("small", "evolution", home, seed=1)
    assert (done.searches, done.evaluations, done.difference) == (1, 12, None)


def test_a_row_that_was_changed_is_noticed(home):
    from nepsbench.search.results import read_results, write_results

    run_study(study(study="changed"), home)
    path = study_folder("changed", home) / EVALUATIONS
    table, made = read_results(path)
    values = table["valid_acc"].to_pylist()
    values[0] += 1e-9
    place = table.column_names.index("valid_acc")
    write_results(path, table.set_column(place, "valid_acc", pa.array(values)), made)
    assert (
        "seed 0, evaluation 0: valid_acc was" in reproduce_row("changed", "random", home).difference
    )


def test_another_study_of_the_same_name_is_refused(home):
    with pytest.raises(ConflictError, match="another study of that name"):
        run_study(study(seeds=4), home)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"optimisers": ["random", "randon"]}, "no optimiser 'randon'"),
        ({"metrics": ["train_acc"]}, "has no metric 'train_acc'"),
        ({"benchmark": "nowhere"}, "no release 'nowhere'"),
        ({"track": "multi-fidelity"}, "asks for whole trainings only"),
        ({"fidelities": [3, 9]}, "epoch 9 is not recorded"),
        ({"optimisers": ["random_evolution", {"name": "random", "fidelity": "rungs"}]},
         "asks for whole trainings only"),
    ],
)  # fmt: skip
def test_a_study_that_cannot_be_run_is_refused_before_it_starts(home, changes, words):
    with pytest.raises(NepsbenchError, match=words) as caught:
        run_study(study(study="wrong", **changes), home)
    assert "\n" not in str(caught.value)
    assert not study_folder("wrong", home).exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"budget": {}}, "give queries, epochs, seconds or trainings"),
        ({"track": "cost-aware"}, "compares by simulated time"),
        ({"track": "multi-objective"}, "takes two or more"),
        ({"track": "multi-objective", "metrics": ["valid_acc", "params"]}, "reference lacks"),
        ({"optimisers": ["random", "random"]}, "two optimisers are called 'random'"),
        ({"optimizers": []}, "unknown key 'optimizers'; did you mean 'optimisers'"),
        ({"seeds": 0}, "seeds"),
    ],
)
def test_what_a_study_file_says_wrong_is_told_in_one_line(changes, words):
    with pytest.raises(SpecError, match=re.escape(words)) as caught:
        study(**changes)
    assert "\n" not in str(caught.value)


def test_a_study_file_that_is_no_yaml_is_refused(tmp_path):
    path = tmp_path / "study.yaml"
    with pytest.raises(SpecError, match="cannot be read as a study"):
        read_study(path)
    path.write_text("study: [")
    with pytest.raises(SpecError, match="not YAML"):
        read_study(path)


def test_a_study_that_was_not_run_is_told_with_those_that_were(home):
    with pytest.raises(StorageError, match=r"there are: .*small"):
        load_study("absent", home)


def test_trajectories_never_get_worse_at_one_fidelity_and_end_at_the_best(home):
    result = result_of(*load_study("small", home))
    for row in ("random", "evolution"):
        for search in result.found[row]:
            assert (np.diff(search.value) >= 0).all()
    rows = result.table.to_pylist()
    best = max(r["final_valid_acc"] for r in rows if r["optimiser"] == "random" and r["seed"] == 1)
    assert result.found["random"][1].value[-1] == best


def test_mean_and_standard_error_are_those_of_the_searches(home):
    found = result_of(*load_study("small", home)).found["random"]
    curve = by_evaluations(found, 12)
    ends = [search.value[-1] for search in found]
    assert curve.mean[-1] == pytest.approx(np.mean(ends))
    assert curve.error[-1] == pytest.approx(np.std(ends, ddof=1) / np.sqrt(3))
    assert by_time(found, np.array([0.0])).counted.tolist() == [0]


def test_several_objectives_are_compared_by_hypervolume(home):
    several = study(
        study="several", track="multi-objective", metrics=["valid_acc", "params"],
        reference={"valid_acc": 0.0, "params": 1.0}, optimisers=["random", "optuna_nsga2"],
    )  # fmt: skip
    run_study(several, home)
    result = result_of(*load_study("several", home))
    for searches in result.found.values():
        for search in searches:
            assert (np.diff(search.value) >= 0).all()
            assert 0 < search.value[-1] < 100
    with pytest.raises(SpecError, match="takes one objective, not 2"):
        Contest(several.model_copy(update={"optimisers": study().optimisers[1:2]}), home)


def test_a_budget_of_trainings_is_so_many_mean_trainings(home):
    timed = study(track="cost-aware", budget={"trainings": 10}, cluster={})
    contest = Contest(timed, home)
    [entry] = [each for each in timed.optimisers if each.name == "random"]
    seconds = list(contest.search(entry, 0))[-1].ended
    assert 0.5 < seconds / contest.budget.seconds <= 1


def test_the_command_runs_reports_and_reproduces(home, tmp_path, monkeypatch):
    monkeypatch.setenv("NEPSBENCH_HOME", str(home))
    path = tmp_path / "study.yaml"
    path.write_text(json.dumps({**STUDY, "study": "command"}))  # JSON is YAML
    ran = CliRunner().invoke(app, ["search", "run", str(path)])
    assert ran.exit_code == 0, ran.output
    page = study_folder("command", home) / "leaderboard.html"
    assert str(page) in ran.output.replace("\n", "")
    listed = CliRunner().invoke(app, ["search", "report"])
    assert "command" in listed.output.split()
    again = CliRunner().invoke(app, ["search", "reproduce", "command", "hyperband"])
    assert again.output.strip() == "hyperband of command: 3 searches, 36 evaluations, equal"


def test_the_leaderboard_is_one_page_that_needs_nothing_else(home, monkeypatch):
    monkeypatch.setenv("NEPSBENCH_HOME", str(home))
    run_study(study(study="two"), home)
    CliRunner().invoke(app, ["search", "report", "small", "two"])
    page = (home / "searches/small+two/leaderboard.html").read_text()
    assert page.count("<svg viewBox") == 2 * 4 + 1
    assert "All studies together" in page
    assert "Preliminary" in page
    assert not re.findall(r"(?:src|href)=|@import|url\(", page)
    assert "nan" not in re.sub(r"<pre>.*?</pre>", "", page, flags=re.DOTALL).lower().split()
    numbers = json.loads((home / "searches/small+two/leaderboard.json").read_text())
    assert [len(each["rows"]) for each in numbers["studies"]] == [3, 3]


def test_the_volume_of_known_points_is_known():
    assert hypervolume([(1, 3), (2, 2), (3, 1)], (4, 4)) == 6
    assert hypervolume([(0, 0, 0)], (1, 2, 3)) == 6
    assert hypervolume([(0, 0, 2), (0, 1, 0)], (1, 2, 3)) == 2 + 3 - 1
    assert hypervolume([(5, 0)], (4, 4)) == 0


def test_the_volume_is_that_of_many_random_points():
    points = [tuple(p) for p in np.random.default_rng(1).random((30, 3)).tolist()]
    darts = np.random.default_rng(2).random((20_000, 3))
    hit = np.zeros(len(darts), dtype=bool)
    for point in points:
        hit |= (darts >= np.array(point)).all(axis=1)
    assert hypervolume(points, (1.0, 1.0, 1.0)) == pytest.approx(hit.mean(), abs=0.02)


def test_dominated_points_are_left_out():
    assert nondominated([(1, 1), (2, 2), (1, 1), (0, 3)]) == [(0, 3), (1, 1)]


def test_ranks_and_the_critical_difference_are_those_of_demsars_example():
    # 14 data sets, 4 classifiers: the critical difference at 0.05 is 1.25 (section 3.2.2).
    errors = np.random.default_rng(0).random((14, 4))
    assert ranking(["a", "b", "c", "d"], errors).difference == pytest.approx(1.25, abs=0.005)


def test_an_optimiser_that_always_wins_ranks_first_and_is_told_apart():
    noise = np.random.default_rng(0).random((30, 3))
    found = ranking(["a", "b", "c"], noise + np.array([0.0, 0.0, -2.0]))
    assert found.ranks[2] == 1.0
    assert found.p < 1e-6
    assert found.groups() == [("a", "b")] or found.groups() == [("b", "a")]


def test_equal_optimisers_share_their_ranks():
    found = ranking(["a", "b", "c"], np.ones((5, 3)))
    assert found.ranks == (2.0, 2.0, 2.0)
    assert found.p is None


def test_a_profile_counts_the_blocks_within_a_ratio_of_the_best():
    errors = np.array([[1.0, 2.0], [3.0, 1.0], [np.nan, 1.0]])
    shares = performance_profile(errors, np.array([1.0, 2.0, 3.0]))
    assert shares[:, 0].tolist() == pytest.approx([1 / 3, 1 / 3, 2 / 3])
    assert shares[:, 1].tolist() == pytest.approx([2 / 3, 1.0, 1.0])


def test_a_plot_is_well_formed_whatever_it_is_given():
    from xml.etree import ElementTree

    x = np.array([1.0, 10.0, 100.0])
    for y in (x, np.full(3, 5.0), np.array([np.nan, 1.0, 2.0])):
        text = line_plot([Line("a < b", x, y, np.ones(3))], x="x", y="y", log=True)
        ElementTree.fromstring(f"<div>{text}</div>")
        assert "nan" not in text
    assert "Nothing" in line_plot([Line("a", x, np.full(3, np.nan))], x="x", y="y")
