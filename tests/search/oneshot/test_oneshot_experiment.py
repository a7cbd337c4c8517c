"""A one-shot search as a command: remembered, resumed, judged by a table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nepsbench.cli.main import app
from nepsbench.datasets import prepare
from nepsbench.errors import CorruptedFileError, SpecError, VersionMismatchError
from nepsbench.search.oneshot.experiment import CHECKPOINT, FOUND, Experiment, run_experiment
from nepsbench.search.oneshot.standing import cell_standing
from nepsbench.spaces.cells import from_arch_str

SMALL = {"width": 4, "depth": 1, "batch_size": 256, "epochs": 3}


@pytest.fixture(scope="module")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("datasets")
    prepare("digits", root)
    return root


def test_a_search_goes_on_where_it_stopped_and_keeps_what_it_found(datasets: Path, tmp_path: Path):
    experiment = Experiment("gdas", "digits", 3, SMALL)
    whole = run_experiment(experiment, tmp_path / "whole", datasets=datasets)
    told: list[int] = []
    part = run_experiment(experiment, tmp_path / "parts", datasets=datasets, epochs=1)
    again = run_experiment(
        experiment, tmp_path / "parts", datasets=datasets, report=lambda e, _: told.append(e)
    )
    assert (part.epochs, again.epochs, told) == (1, 3, [2, 3])
    assert again == whole
    content = json.loads((tmp_path / "parts" / FOUND).read_text())
    assert content["architecture"] == whole.architecture
    assert content["history"] == whole.history
    from_arch_str(whole.architecture)


def test_another_search_and_a_damaged_checkpoint_are_refused(datasets: Path, tmp_path: Path):
    run_experiment(Experiment("darts", "digits", 1, SMALL), tmp_path, datasets=datasets, epochs=1)
    with pytest.raises(VersionMismatchError, match="of another search"):
        run_experiment(Experiment("darts", "digits", 2, SMALL), tmp_path, datasets=datasets)
    (tmp_path / CHECKPOINT).write_bytes(b"PK no")
    with pytest.raises(CorruptedFileError, match=r"search\.pt: no checkpoint of a search"):
        run_experiment(Experiment("darts", "digits", 1, SMALL), tmp_path, datasets=datasets)


@pytest.mark.parametrize(
    ("experiment", "epochs", "said"),
    [
        (Experiment("gdas", "digits", changes=SMALL), 4, "ends at epoch 3, 4 were asked"),
        (Experiment("setn", "digits"), None, "no one-shot method 'setn'; choose one of darts"),
        (Experiment("gdas", "digits", changes={"layers": 2}), None, "unexpected keyword.*layers"),
        (Experiment("gdas", "ecg"), 1, "nasbench201"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_searched(
    experiment: Experiment, epochs: int | None, said: str, datasets: Path, tmp_path: Path
):
    with pytest.raises(SpecError, match=said):
        run_experiment(experiment, tmp_path, datasets=datasets, epochs=epochs)
    assert not list(tmp_path.iterdir())


class Bench:
    """A table in which more convolutions are better."""

    def sample(self, seed: int) -> str:
        return "nor_conv_3x3 " * (seed % 7)

    def __call__(self, architecture: str) -> dict[str, float]:
        return {"valid_acc": float(architecture.count("nor_conv_3x3"))}


def test_a_cell_stands_among_random_ones():
    stands = cell_standing(Bench(), "|nor_conv_3x3~0|" * 3, drawn=70)
    assert (stands.value, stands.mean, stands.beaten) == (3.0, 3.0, 3 / 7)


def test_the_command_searches_and_tells(datasets: Path, tmp_path: Path):
    asked = ["search", "oneshot", "random_sharing", "-o", str(tmp_path), "--dataset", "digits"]
    small = ["--schedule", "1", "--width", "4", "--depth", "1", "--datasets", str(datasets)]
    ran = CliRunner().invoke(app, [*asked, *small])
    assert ran.exit_code == 0, ran.output
    assert "epoch 1: train_loss" in ran.output
    assert "after 1 epochs" in ran.output
