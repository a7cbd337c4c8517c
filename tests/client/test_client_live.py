from __future__ import annotations

import sys
from pathlib import Path

import pytest

import nepsbench
from nepsbench.client.live import LiveBenchmark
from nepsbench.errors import (
    InvalidConfigurationError,
    NepsbenchError,
    NotInTableError,
    VersionMismatchError,
)
from nepsbench.release import build_release
from tests.tiny_benchmark import INFO, NAME, SPACE, configurations, epochs_of, trial
from tests.tiny_benchmark import epochs_table as make_epochs
from tests.tiny_benchmark import trials_table as make_trials

SMALL = {**SPACE.defaults, "Resolution": 0.25}
REPRODUCIBLE = ("train_loss", "valid_acc", "valid_loss", "test_acc", "test_loss", "params", "flops")


def _release(target: Path, **changes: object) -> Path:
    """A release of one trial of two epochs."""
    row = trial(configurations(1)[0], 1, epochs=2, target_epochs=2, **changes)
    return build_release(
        name=NAME,
        version="1.0.0",
        benchmark_info=INFO,
        trials=make_trials([row]),
        epochs=make_epochs(epochs_of(row)),
        surrogate=None,
        card=None,
        target=target,
    )


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> LiveBenchmark:
    folder = tmp_path_factory.mktemp("live")
    return nepsbench.load(_release(folder), kind="live", datasets=folder / "datasets")


def _reproducible(answer: dict[str, float]) -> dict[str, float]:
    return {name: answer[name] for name in REPRODUCIBLE if name in answer}


def test_a_live_answer_is_trained_and_the_same_again(live: LiveBenchmark) -> None:
    curve = live.trajectory(SMALL, seed=1)
    assert list(curve) == [1, 2]
    assert 0 < curve[2]["valid_acc"] <= 100
    assert curve[1]["valid_loss"] != curve[2]["valid_loss"]
    assert set(curve[1]) <= {metric.name for metric in live.metrics}
    assert _reproducible(live(SMALL, 1, seed=1)) == _reproducible(curve[1])
    assert live(SMALL, 1, seed=2)["valid_loss"] != curve[1]["valid_loss"]


def test_what_cannot_be_trained_is_refused(live: LiveBenchmark) -> None:
    with pytest.raises(InvalidConfigurationError, match="N=2 is not a choice"):
        live({**SMALL, "N": 2})
    for epoch in (0, 1000, 1.5):
        with pytest.raises(NotInTableError, match="give a whole number from 1 to 200"):
            live(SMALL, epoch)


def test_another_version_of_recipe_or_dataset_is_refused(tmp_path: Path) -> None:
    path = _release(tmp_path, recipe="nepsbench101/99")
    bench = nepsbench.load(path, kind="live", datasets=tmp_path / "datasets")
    with pytest.raises(VersionMismatchError, match="trained with recipe nepsbench101/99"):
        bench(SMALL, 1)


def test_without_torch_the_error_carries_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _release(tmp_path)
    for module in [name for name in sys.modules if name.startswith("nepsbench.training")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(NepsbenchError, match=r"pip install 'nepsbench\[train\]'"):
        nepsbench.load(path, kind="live")
