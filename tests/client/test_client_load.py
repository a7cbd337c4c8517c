from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import nepsbench
from nepsbench.client.locate import find_release, list_releases
from nepsbench.errors import CorruptedFileError, NepsbenchError, NotInTableError
from nepsbench.release import build_release
from nepsbench.surrogate import fit
from nepsbench.surrogate.evaluation import evaluate
from nepsbench.surrogate.fitting import Boosting
from tests.tiny_benchmark import INFO, NAME, configurations, plain_tables

QUICK = Boosting(iterations=30)
HEAVY = ("torch", "airflow", "mlflow", "pandas", "pyarrow", "catboost", "scipy", "duckdb")


def _loaded_after(code: str, home: Path) -> set[str]:
    """The heavy modules in a fresh interpreter after running ``code``."""
    script = f"import json, sys, nepsbench\n{code}\nprint(json.dumps(sorted(sys.modules)))"
    environment = {**os.environ, "NEPSBENCH_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True
    )
    return set(HEAVY) & set(json.loads(done.stdout))


def test_importing_and_asking_the_table_load_nothing_heavy(home: Path) -> None:
    question = f"b = nepsbench.load('{NAME}'); next(b.configurations()); b.sample(1)"
    assert _loaded_after("", home) == set()
    assert _loaded_after(question, home) == set()
    chosen = configurations(6)[5]
    assert _loaded_after(f"nepsbench.load('{NAME}')({chosen!r}, epoch=3)", home) == set()


def test_the_surrogate_loads_nothing_heavy(home: Path) -> None:
    question = f"b = nepsbench.load('{NAME}', kind='surrogate'); b(b.sample(1))"
    assert _loaded_after(question, home) == set()


def test_the_newest_version_is_opened_by_default(home: Path, tmp_path: Path) -> None:
    for version in ("1.0.0", "1.10.0", "1.9.0"):
        shutil.copytree(home / "releases" / NAME / "1.0.0", tmp_path / "releases" / NAME / version)
    assert find_release(NAME, home=tmp_path).name == "1.10.0"
    assert list_releases(tmp_path) == {NAME: ["1.0.0", "1.9.0", "1.10.0"]}


def test_an_unknown_name_or_version_tells_what_there_is(home: Path, tmp_path: Path) -> None:
    with pytest.raises(NepsbenchError, match=f"no release 'nothing' in .*there are: {NAME};"):
        nepsbench.load("nothing", home=home)
    with pytest.raises(NepsbenchError, match=r"no version '2\.0\.0'; there are: 1\.0\.0$"):
        nepsbench.load(f"{NAME}@2.0.0", home=home)
    with pytest.raises(NepsbenchError, match="it holds no release yet"):
        nepsbench.load(NAME, home=tmp_path)
    with pytest.raises(NepsbenchError, match="no release"):
        nepsbench.load(tmp_path)
    with pytest.raises(NepsbenchError, match="unknown kind 'tabular'; choose one of table"):
        nepsbench.load(NAME, home=home, kind="tabular")


def test_a_corrupted_release_is_not_opened(home: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(home / "releases" / NAME / "1.0.0", copy)
    data = bytearray((copy / "lookup" / "arrays.bin").read_bytes())
    data[200] ^= 1
    (copy / "lookup" / "arrays.bin").write_bytes(data)
    with pytest.raises(CorruptedFileError, match=r"arrays\.bin: damaged"):
        nepsbench.load(copy)


def test_the_surrogate_answers_for_any_configuration_within_bounds(home: Path) -> None:
    bench = nepsbench.load(NAME, home=home, kind="surrogate")
    names = {metric.name for metric in bench.metrics}
    assert {"valid_acc", "runtime", "params"} <= names
    assert "lr" not in names
    for seed in range(20):
        chosen = bench.sample(seed)
        assert chosen == bench.sample(seed)
        answer = bench(chosen, epoch=3)
        assert set(answer) == names
        assert 0 <= answer["valid_acc"] <= 100
        assert min(answer["runtime"], answer["valid_loss"], answer["params"]) > 0
        trajectory = bench.trajectory(chosen)
        assert list(trajectory) == [1, 2, 3, 4]
        # Sums in another order may differ in their last bits.
        assert trajectory[3] == pytest.approx(answer, rel=1e-12)
        assert trajectory[4] == pytest.approx(bench(chosen), rel=1e-12)


def test_the_surrogate_refuses_what_it_cannot_know(home: Path) -> None:
    bench = nepsbench.load(NAME, home=home, kind="surrogate")
    for epoch in (0, 5, 2.5):
        with pytest.raises(NotInTableError, match="give a whole number from 1 to 4"):
            bench(bench.sample(1), epoch)
    with pytest.raises(NepsbenchError, match="a surrogate has no seeds"):
        bench(bench.sample(1), seed=1)


def test_a_release_without_surrogate_says_so(tmp_path: Path) -> None:
    trials, epochs = plain_tables(2)
    path = build_release(
        name=NAME,
        version="1.0.0",
        benchmark_info=INFO,
        trials=trials,
        epochs=epochs,
        surrogate=None,
        card=None,
        target=tmp_path,
    )
    with pytest.raises(NepsbenchError, match="holds no surrogate"):
        nepsbench.load(path, kind="surrogate")


def test_the_surrogate_answers_without_catboost(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "catboost", None)
    bench = nepsbench.load(NAME, home=home, kind="surrogate")
    assert 0 <= bench(bench.sample(1))["valid_acc"] <= 100


def test_a_draw_of_the_surrogate_is_the_same_again_and_lies_in_wide_intervals(
    tmp_path: Path,
) -> None:
    tables, how = plain_tables(60, epochs=6), {"space": "nepsbench101", "boosting": QUICK}
    path = build_release(
        name=NAME,
        version="1.0.0",
        benchmark_info=INFO,
        trials=tables[0],
        epochs=tables[1],
        surrogate=fit(*tables, **how),
        card=evaluate(*tables, **how),
        target=tmp_path,
    )
    bench = nepsbench.load(path, kind="surrogate")
    chosen = bench.sample(1)
    mean = bench(chosen)["valid_acc"]
    draws = [bench(chosen, draw=draw)["valid_acc"] for draw in range(40)]
    assert draws[3] == bench(chosen, draw=3)["valid_acc"]
    assert min(draws) < mean < max(draws)
    assert bench(chosen, draw=3)["params"] == bench(chosen)["params"]
    low, high = bench.interval(chosen, level=0.95)["valid_acc"]
    assert low < mean < high


def test_an_answer_says_whether_it_extrapolates(home: Path) -> None:
    bench = nepsbench.load(NAME, home=home, kind="surrogate")
    assert not bench(configurations(1)[0]).is_extrapolating
    assert bench({**configurations(1)[0], "LearningRate": 1.0}).is_extrapolating
    assert 0 < bench.divergence_probability(configurations(1)[0]) < 1
