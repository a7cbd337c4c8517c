"""Trees asked by configuration say what they say of its features, in every space."""

from __future__ import annotations

import numpy as np
import pytest

from nepsbench.spaces import get_space
from nepsbench.surrogate.boosting import Boosting, fit_model
from nepsbench.surrogate.features import feature_map
from nepsbench.surrogate.tabled import tabled
from nepsbench.surrogate.trees import Trees, constant

TABLED = ("nepsbench101", "nasbench201", "nashpobench2")
BY_FEATURES = ("nasbench101", "nats_size", "nds_nas_cell")


def drawn(name: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Configurations and epochs of a space."""
    space = get_space(name)
    words = np.random.Philox(5).random_raw(count * space.words_per_draw)
    codes = space.draw(words.reshape(count, -1))
    return codes, np.random.default_rng(5).integers(1, 13, count).astype(np.float64)


def fitted(name: str, depth: int = 4) -> Trees:
    """Trees that ask many features of a space, and the epoch."""
    codes, epochs = drawn(name, 400)
    features = feature_map(get_space(name)).features(codes, epochs)
    weights = np.random.default_rng(2).normal(size=features.shape[1])
    values = np.tanh((features - features.mean(axis=0)) / (features.std(axis=0) + 1) @ weights)
    boosting = Boosting(iterations=80, depth=depth)
    return fit_model(features, values + np.log(epochs), boosting=boosting, seed=1).trees


@pytest.mark.parametrize("depth", [2, 4, 8])
@pytest.mark.parametrize("name", TABLED)
def test_a_table_says_what_the_features_say(name: str, depth: int) -> None:
    trees, features = fitted(name, depth), feature_map(get_space(name))
    codes, epochs = drawn(name, 3000)
    by_table = tabled(trees, features)
    assert by_table is not None
    expected = trees.predict(features.features(codes, epochs))
    assert np.abs(by_table.predict(codes, epochs) - expected).max() < 1e-9
    assert by_table.predict(codes[:1], epochs[:1])[0] == pytest.approx(expected[0], abs=1e-9)


@pytest.mark.parametrize("name", TABLED)
def test_keys_tell_the_features_that_they_stand_for(name: str) -> None:
    codes, _ = drawn(name, 500)
    for block in feature_map(get_space(name)).blocks:
        if block.keyed is not None:
            keys, table = block.keyed.keys(codes), block.keyed.table()
            assert (table[:, keys] == block.values(codes)).all()


@pytest.mark.parametrize("name", BY_FEATURES)
def test_where_most_features_follow_from_no_key_there_is_no_table(name: str) -> None:
    assert tabled(fitted(name), feature_map(get_space(name))) is None


def test_an_epoch_on_a_border_is_below_it_and_behind_all_of_them_above() -> None:
    name = "nepsbench101"
    trees, features = fitted(name), feature_map(get_space(name))
    asked = trees.split_border[trees.split_feature == len(features.names) - 1]
    epochs = np.array([*asked.tolist(), 0.0, 1e6])
    codes = np.repeat(drawn(name, 1)[0], len(epochs), axis=0)
    by_table = tabled(trees, features)
    assert by_table is not None
    expected = trees.predict(features.features(codes, epochs))
    assert np.abs(by_table.predict(codes, epochs) - expected).max() < 1e-9


def test_trees_without_a_split_need_no_table() -> None:
    assert tabled(constant(1.0), feature_map(get_space("nepsbench101"))) is None
