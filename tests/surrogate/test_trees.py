from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from nepsbench.surrogate.boosting import Boosting, fit_model, new_model, trees_of
from nepsbench.surrogate.forest import Forest
from nepsbench.surrogate.region import region_of
from nepsbench.surrogate.storage import read_trees, write_trees
from nepsbench.surrogate.trees import Trees, constant

RANDOM = np.random.default_rng(3)
EPOCH = 7


def rows(count: int) -> np.ndarray:
    """Seven features of every kind, and an epoch."""
    columns = [
        RANDOM.integers(0, 2, count),
        RANDOM.integers(0, 5, count),
        RANDOM.normal(size=count),
    ]
    columns += [RANDOM.normal(size=count) * 1e4, *RANDOM.integers(0, 3, (3, count))]
    return np.asfortranarray(
        np.stack([*columns, RANDOM.integers(1, 13, count)], axis=1), np.float32
    )


def fitted(**changes: float) -> tuple[object, Trees]:
    features = rows(300)
    values = features[:, 1] + np.sin(features[:, 2]) + np.log(features[:, EPOCH])
    settings = {**asdict(Boosting(iterations=60)), **changes}
    model = new_model(**settings, thread_count=1, verbose=False, allow_writing_files=False)
    model.fit(features, values)
    return model, trees_of(model)


@pytest.mark.parametrize("depth", [1, 3, 4, 6, 8])
def test_trees_say_what_catboost_says(depth: int) -> None:
    model, trees = fitted(depth=depth)
    features = rows(2500)
    expected = model.predict(features)
    assert np.abs(trees.predict(features) - expected).max() < 1e-9


def test_numbers_on_a_border_are_below_it() -> None:
    model, trees = fitted()
    features = np.repeat(rows(1), trees.border.size, axis=0)
    places = np.arange(trees.border.size)
    features[places, trees.feature.ravel()] = trees.border.ravel()
    assert np.abs(trees.predict(features) - model.predict(features)).max() < 1e-9


def test_one_row_in_a_forest_is_the_same_as_among_others() -> None:
    models = {"a": fitted()[1], "b": fitted(depth=2)[1], "same": constant(0.5)}
    features = rows(20)
    forest = Forest(models, EPOCH)
    together = np.stack([trees.predict(features) for trees in models.values()])
    alone = np.stack([forest.at(row) for row in features], axis=1)
    assert np.abs(together - alone).max() < 1e-9


def test_a_curve_is_all_its_points() -> None:
    models = {"a": fitted()[1], "same": constant(0.5), "deep": fitted(depth=6)[1]}
    forest = Forest(models, EPOCH)
    row = rows(1)[0]
    curve = forest.curves(row, 15)
    for epoch in range(1, 16):
        row[EPOCH] = epoch
        assert curve[:, epoch - 1] == pytest.approx(forest.at(row), abs=1e-9)


def test_a_forest_of_models_without_splits_answers() -> None:
    forest = Forest({"a": constant(1.0), "b": constant(2.0)}, EPOCH)
    assert forest.at(rows(1)[0]).tolist() == [1, 2]
    assert forest.curves(rows(1)[0], 3).tolist() == [[1, 1, 1], [2, 2, 2]]


def test_stored_trees_are_the_same_bytes_and_the_same_trees(tmp_path: Path) -> None:
    models = {"a": fitted()[1], "same": constant(0.5)}
    region = region_of(rows(9))
    for name in ("first", "second"):
        write_trees(tmp_path / name, models, region)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()
    read, found = read_trees(tmp_path / "first")
    features = rows(50)
    for name, trees in models.items():
        assert read[name].predict(features).tolist() == trees.predict(features).tolist()
    assert found.low.tolist() == region.low.tolist()


def test_serving_imports_neither_catboost_nor_pandas_nor_scipy() -> None:
    script = (
        "import sys, nepsbench.client.surrogate\n"
        "heavy = {'torch', 'pandas', 'catboost', 'mlflow', 'pyarrow', 'scipy'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_features_that_never_differ_give_the_mean_of_the_values() -> None:
    features = np.repeat(rows(1), 3, axis=0)
    model = fit_model(features, np.array([1.0, 2.0, 6.0]), boosting=Boosting(iterations=20), seed=0)
    assert model.trees.predict(features) == pytest.approx([3.0, 3.0, 3.0])
