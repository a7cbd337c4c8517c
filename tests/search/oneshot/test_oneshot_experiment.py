"""A one-shot search as a command: remembered, resumed, judged by a table."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from nepsbench.cli.main import app
from nepsbench.datasets import prepare
from nepsbench.errors import InvalidConfigurationError, NepsbenchError, SpecError
from nepsbench.found import found_column, found_in
from nepsbench.search.oneshot.alone import Search
from nepsbench.search.oneshot.standing import standing
from nepsbench.spaces.cells import from_arch_str
from nepsbench.training.live import LiveTrial, open_terms

SMALL = ("Width=4", "Depth=1")


@pytest.fixture(scope="module")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("datasets")
    prepare("digits", root)
    return root


def search(method: str = "gdas", searched: str = "nasbench201", **others: object) -> Search:
    given = {"dataset": "digits", "seed": 3, "schedule": 2, "changes": SMALL} | others
    return Search.of(searched, method, **given)  # type: ignore[arg-type]


def test_a_search_goes_on_where_it_stopped(datasets: Path, tmp_path: Path):
    whole = search().run(tmp_path / "whole", datasets=datasets)
    told: list[int] = []
    part = search().run(tmp_path / "parts", datasets=datasets, epochs=1)
    again = search().run(
        tmp_path / "parts", datasets=datasets, report=lambda epoch, _: told.append(epoch)
    )
    assert (part.epochs, again.epochs, told) == (1, 2, [2])
    assert again == whole
    from_arch_str(whole.told)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"schedule": 3}, r"--schedule 3: there are schedules of 2, 4, 5"),
        ({"method": "setm"}, "setm"),
        ({"changes": ["Layers=2"]}, "no parameter 'Layers'"),
        ({"changes": ["Width"]}, "--set Width: write a parameter and its value"),
        ({"searched": "nasbench301"}, "no searches of space 'nasbench301'; there are: nasbench201"),
        ({"dataset": "ecg"}, "oneshot_nasbench201: takes inputs"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_searched(
    given: dict[str, object], said: str
):
    with pytest.raises((SpecError, InvalidConfigurationError), match=said):
        search(**given)  # type: ignore[arg-type]


def test_a_search_ends_with_its_schedule(datasets: Path, tmp_path: Path):
    with pytest.raises(SpecError, match="ends at epoch 2, 3 were asked"):
        search().run(tmp_path, datasets=datasets, epochs=3)
    assert not list(tmp_path.iterdir())


class Bench:
    """A table in which more convolutions are better."""

    def sample(self, seed: int) -> dict[str, str]:
        return {f"edge_{k}": "nor_conv_3x3" for k in range(seed % 7)}

    def __call__(self, configuration: dict[str, str]) -> dict[str, float]:
        return {"valid_acc": float(len(configuration))}


def test_an_architecture_stands_among_random_ones():
    stands = standing(Bench(), {"a": "nor_conv_3x3", "b": "none", "c": "none"}, drawn=70)
    assert (stands.value, stands.mean, stands.beaten) == (3.0, 3.0, 3 / 7)


def test_the_command_searches_and_tells(datasets: Path, tmp_path: Path):
    asked = ["search", "oneshot", "random_sharing", "-o", str(tmp_path), "--dataset", "digits"]
    small = ["--schedule", "2", "--epochs", "1", "--set", "Width=4", "--set", "Depth=1"]
    ran = CliRunner().invoke(app, [*asked, *small, "--datasets", str(datasets)])
    assert ran.exit_code == 0, ran.output
    assert "epoch 1: train_loss" in ran.output
    assert "after 1 epochs" in ran.output


def test_a_training_is_no_search(datasets: Path):
    terms = open_terms(
        space="nasbench201", dataset="digits", datasets_root=datasets, recipe="nasbench201"
    )
    trial = LiveTrial(terms, terms.space.defaults, seed=0)
    with pytest.raises(NepsbenchError, match="is no search: it finds no architecture"):
        trial.found()


def test_what_was_found_is_a_column():
    configuration = {f"edge_{edge}": "none" for edge in ("0_1", "0_2", "1_2", "0_3", "1_3", "2_3")}
    column = found_column("nasbench201", configuration)
    assert found_in(column) == ("nasbench201", configuration)
    with pytest.raises(InvalidConfigurationError):
        found_column("nasbench201", {"edge_0_1": "none"})
