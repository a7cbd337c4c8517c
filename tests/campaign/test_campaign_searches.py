"""A campaign of searches: what it found is stored, shown, judged by a table, and trained."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from small_campaign import cluster_at
from typer.testing import CliRunner

from nepsbench.campaign import searches
from nepsbench.campaign.form import Campaign, parse_campaign
from nepsbench.campaign.run import run_campaign
from nepsbench.campaign.searches import (
    Finals,
    check_finals,
    finals_form,
    list_found,
    read_finals,
    searches_of,
    trained_finals,
    write_searches,
)
from nepsbench.campaign.tasks360 import entries_of
from nepsbench.cli.main import app
from nepsbench.errors import InvalidConfigurationError, NepsbenchError, SpecError
from nepsbench.search.oneshot.alone import Search

pytestmark = pytest.mark.whole

SMALL = {"Width": 4, "Depth": 1, "ArchitectureRate": 0.02}
METHODS = ("gdas", "random_sharing")
FORM: dict[str, Any] = {
    "name": "searches",
    "space": "oneshot_nasbench201",
    "dataset": "digits",
    "recipe": "oneshot_nasbench201-2",
    "streams": 1,
    "samples": 2,
    "waves": "1,2",
    "portfolio": [{"Method": method, **SMALL} for method in METHODS],
}
FINALS = Finals(waves="1", recipe="nasbench201-12")


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Campaign]:
    """Return a home in which searches ran and what they found was trained."""
    home = tmp_path_factory.mktemp("home")
    campaign = parse_campaign(FORM)
    with cluster_at(home / "cluster") as cluster:
        run_campaign(campaign, home, cluster, say=lambda _: None)
        finals = parse_campaign(finals_form(campaign, home, FINALS))
        run_campaign(finals, home, cluster, say=lambda _: None)
    return home, campaign


def test_what_the_workers_found_is_what_a_search_alone_finds(
    searched: tuple[Path, Campaign], tmp_path: Path
) -> None:
    home, campaign = searched
    found = list_found(campaign.name, home)
    assert [each.method for each in found] == list(METHODS)
    assert all(each.seconds > 0 and each.epochs == 2 for each in found)
    datasets = home / "cluster/datasets"
    for each in found:
        search = Search.of(
            "nasbench201",
            each.method,
            dataset="digits",
            seed=each.seed,
            schedule=2,
            changes=[f"{name}={value}" for name, value in SMALL.items()],
        )
        alone = search.run(tmp_path / each.method, datasets=datasets)
        assert (alone.space, alone.configuration) == (each.space, each.configuration)


def test_the_page_shows_methods_searches_cells_and_final_trainings(
    searched: tuple[Path, Campaign],
) -> None:
    home, campaign = searched
    place = write_searches(campaign, home)
    text = place.read_text()
    rows = json.loads(place.with_suffix(".json").read_text())["searches"]
    assert [row["method"] for row in rows] == list(METHODS)
    for row in rows:
        assert row["final"]["epoch"] == 1
        assert 0 <= row["final"]["test_acc"] <= 100
        assert row["architecture_id"] in text
        assert str(row["seed"]) in text
    assert "trained: test_acc, %" in text
    assert text.count('aria-label="cell"') == len({row["architecture_id"] for row in rows})
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")


def test_what_was_found_is_judged_by_a_table(
    searched: tuple[Path, Campaign], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Bench:
        def sample(self, seed: int) -> int:
            return seed % 10

        def __call__(self, configuration: object) -> dict[str, float]:
            return {"valid_acc": float(configuration) if isinstance(configuration, int) else 7.5}

    import nepsbench

    home, campaign = searched
    monkeypatch.setattr(nepsbench, "load", lambda *_, **__: Bench())
    place = write_searches(campaign, home, release="a-table")
    row = json.loads(place.with_suffix(".json").read_text())["searches"][0]
    assert row["table"]["value"] == 7.5
    assert row["table"]["beaten"] == pytest.approx(0.8)
    assert row["table"]["mean"] == pytest.approx(4.5)
    text = place.read_text()
    assert "in a-table: mean" in text
    assert "80%" in text
    assert "random, as many" in text


def test_finals_are_the_same_again_and_know_whose_they_are(
    searched: tuple[Path, Campaign],
) -> None:
    home, campaign = searched
    form = finals_form(campaign, home, FINALS)
    assert form == finals_form(campaign, home, FINALS)
    assert form["first_stream"] == 1
    finals = parse_campaign(form)
    assert searches_of(finals, home) == searches_of(campaign, home) == campaign
    assert searches_of(parse_campaign({}), home) is None
    with pytest.raises(InvalidConfigurationError, match="no parameter 'Width'"):
        finals_form(campaign, home, Finals(waves="1", changes={"Width": 8}))


def test_the_commands_write_the_page_and_the_form(
    searched: tuple[Path, Campaign], tmp_path: Path
) -> None:
    home, campaign = searched
    form = tmp_path / "finals.json"
    asked = ["search", "finals", campaign.name, "-o", str(form), "--waves", "1"]
    ran = CliRunner().invoke(app, [*asked, "--recipe", "nasbench201-12", "--home", str(home)])
    assert ran.exit_code == 0, ran.output
    assert json.loads(form.read_text()) == finals_form(campaign, home, FINALS)
    ran = CliRunner().invoke(app, ["search", "found", campaign.name, "--home", str(home)])
    assert ran.exit_code == 0, ran.output
    assert ran.output.strip().endswith("searches.html")


@pytest.mark.parametrize(
    ("campaign", "finals", "said"),
    [
        ({}, {"waves": "1"}, "its trials are no searches"),
        (FORM, {"waves": "20", "recipe": "nasbench201-12"}, "ends at epoch 12, 20 were asked"),
        (FORM, {"waves": "1", "recipe": "nope"}, "unknown recipe 'nope'"),
        (FORM, {"waves": "1", "changes": {"Width": 8}}, "no parameter 'Width'"),
    ],
)
def test_finals_that_cannot_be_are_refused_before_anything_is_searched(
    campaign: dict[str, Any], finals: dict[str, Any], said: str
) -> None:
    with pytest.raises(NepsbenchError, match=said):
        check_finals(parse_campaign(campaign), read_finals(finals))


def test_a_form_of_finals_is_checked() -> None:
    with pytest.raises(SpecError, match=r"finals: .*waves"):
        read_finals({"recipe": "darts"})
    with pytest.raises(SpecError, match=r"finals: .*epochs"):
        read_finals({"waves": "1", "epochs": 3})


def test_nothing_is_found_before_a_search_has_ended(tmp_path: Path) -> None:
    with pytest.raises(NepsbenchError, match="no search of it that came to its end"):
        list_found("nobody", tmp_path)


@pytest.mark.parametrize(
    ("space", "dataset", "said"),
    [
        ("oneshot_amber", "cifar10", "takes sequences, with one output an example"),
        ("oneshot_autodeeplab", "ecg", "gives an output for each place"),
        ("oneshot_nasbench201", "satellite", "takes inputs"),
    ],
)
def test_a_method_on_a_task_that_it_cannot_take_is_refused_as_a_form(
    space: str, dataset: str, said: str
) -> None:
    with pytest.raises(SpecError, match=said):
        parse_campaign({"space": space, "dataset": dataset, "waves": "1"})


def test_what_was_trained_is_set_beside_the_published_table(
    searched: tuple[Path, Campaign],
) -> None:
    home, campaign = searched
    first, second = entries_of(campaign.name, home)
    assert [first.method, second.method] == list(METHODS)
    rows = json.loads(write_searches(campaign, home).with_suffix(".json").read_text())["searches"]
    assert first.errors == (100 - rows[0]["final"]["test_acc"],)
    assert first.seconds > rows[0]["cpu_hours"] * 3600
    assert "searched 2 of 250 epochs, trained 1 of 200 epochs" in first.budget


def test_backbones_count_with_all_seeds_or_the_best_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nepsbench.campaign import tasks360

    campaign = parse_campaign({"space": "nasbench360_backbone", "waves": "1"})
    row = {"config_id": "a", "runtime": 2.0, "valid_acc": 50.0, "test_acc": 40.0}
    better = {**row, "config_id": "b", "valid_acc": 60.0, "test_acc": 30.0}
    monkeypatch.setattr(tasks360, "require_initialized", lambda *_: {"dataset_version": "1-x"})
    trained = [[row, {**row, "test_acc": 44.0}], [row, better], []]
    monkeypatch.setattr(tasks360, "last_epochs", lambda *_: trained.pop(0))
    same = tasks360._of_trials(campaign, tmp_path)
    assert (same.method, same.errors, same.seconds) == ("backbone", (60.0, 56.0), 4.0)
    tuned = tasks360._of_trials(campaign, tmp_path)
    assert (tuned.method, tuned.errors) == ("backbone, tuned", (70.0,))
    assert tuned.budget.startswith("the best of 2 configurations")
    with pytest.raises(NepsbenchError, match="nothing of it is trained yet"):
        tasks360._of_trials(campaign, tmp_path)


def test_a_search_that_found_nothing_moves_no_final_training_to_another(
    searched: tuple[Path, Campaign], monkeypatch: pytest.MonkeyPatch
) -> None:
    home, campaign = searched
    first, second = list_found(campaign.name, home)
    # Of three searches the second one failed: the others' finals are numbers 1 and 2.
    left = [first, replace(second, model_idx=3)]
    monkeypatch.setattr(searches, "list_found", lambda *_: left)
    own = json.loads(write_searches(campaign, home).with_suffix(".json").read_text())["searches"]
    trained = trained_finals(campaign, home)
    losses = [row["final"]["test_loss"] for row in own]
    assert losses == [trained[0]["test_loss"], trained[1]["test_loss"]]
