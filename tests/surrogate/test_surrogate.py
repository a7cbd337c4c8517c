from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nepsbench.errors import CorruptedFileError, NepsbenchError, VersionMismatchError
from nepsbench.schema import METRICS_BY_NAME
from nepsbench.surrogate import Card, FittedSurrogate, evaluate, fit
from nepsbench.surrogate.boosting import Boosting
from nepsbench.surrogate.encoder import Encoder
from nepsbench.surrogate.fitting import training_data
from nepsbench.surrogate.scores import score
from nepsbench.surrogate.splits import hold_out
from nepsbench.surrogate.targets import MODELLED_METRICS, target_of
from tests.tiny_benchmark import (
    SPACE,
    configurations,
    epochs_table,
    metrics_of,
    odd_tables,
    plain_tables,
    trials_table,
)

QUICK = Boosting(iterations=30)


@pytest.fixture(scope="module")
def tables() -> tuple[pa.Table, pa.Table]:
    return plain_tables(200, epochs=6)


@pytest.fixture(scope="module")
def fitted(tables: tuple[pa.Table, pa.Table]) -> FittedSurrogate:
    return fit(*tables, space="nepsbench101", boosting=Boosting(iterations=100))


@pytest.fixture(scope="module")
def card(tables: tuple[pa.Table, pa.Table]) -> Card:
    return evaluate(*tables, space="nepsbench101", boosting=Boosting(iterations=100))


def test_features_are_numbers_for_fidelities_paths_for_cells_and_logs_for_reals() -> None:
    encoder = Encoder(SPACE, {})
    chosen = {**SPACE.defaults, "N": 5, "Resolution": 0.5, "Op3": 2, "Optimizer": "AdamW"}
    features = encoder.features(np.array([SPACE.encode(chosen)]), np.array([7.0]))[0]
    by_name = dict(zip(encoder.feature_names, features.tolist(), strict=True))
    assert (by_name["N"], by_name["W"], by_name["Resolution"], by_name["epoch"]) == (5, 4, 0.5, 7)
    # All is skipped but the edge from input to output, which is a 3x3 convolution.
    assert [by_name[f"edge_0_3={kind}"] for kind in ("skip", "conv3")] == [0, 1]
    assert (by_name["paths"], by_name["sequence_conv3"], by_name["residual_paths"]) == (4, 1, 3)
    assert (by_name["Optimizer"], by_name["TrivialAugment"]) == (0, 0)
    assert by_name["Activation=ReLU"] == 1
    assert by_name["LearningRate"] == pytest.approx(-1)


def test_the_encoder_is_the_same_after_storing() -> None:
    encoder = Encoder(SPACE, {"valid_acc": target_of(METRICS_BY_NAME["valid_acc"], np.ones(1))})
    assert Encoder.from_json(encoder.to_json(), SPACE) == encoder
    stored = json.loads(encoder.to_json())
    with pytest.raises(VersionMismatchError, match="fitted for encoder"):
        Encoder.from_json(json.dumps({**stored, "space_version": 9}), SPACE)
    with pytest.raises(VersionMismatchError, match="fitted for encoder"):
        Encoder.from_json(json.dumps({**stored, "features": ["N"]}), SPACE)
    with pytest.raises(VersionMismatchError, match="fitted for encoder"):
        Encoder.from_json(json.dumps({**stored, "format": 1}), SPACE)
    with pytest.raises(NepsbenchError, match="damaged"):
        Encoder.from_json("{}", SPACE)


@given(
    st.lists(st.floats(0, 100), min_size=1),
    st.lists(st.floats(-700, 700), min_size=1),
    st.sampled_from(["valid_acc", "runtime", "valid_loss"]),
)
def test_targets_come_back_and_every_prediction_is_within_bounds(
    values: list[float], predictions: list[float], name: str
) -> None:
    target = target_of(METRICS_BY_NAME[name], np.array(values))
    back = target.inverse(target.forward(np.array(values)))
    tolerance = 0.1 if name == "valid_acc" else target.floor
    assert np.abs(back - np.array(values)).max() <= tolerance * (1 + 1e-9) + 1e-9
    bounded = target.inverse(np.array(predictions))
    assert bounded.min() >= 0
    assert name != "valid_acc" or bounded.max() <= 100


def test_traits_of_the_worker_are_not_modelled() -> None:
    names = {metric.name for metric in MODELLED_METRICS}
    assert {"valid_acc", "train_loss", "runtime", "latency", "params", "flops"} <= names
    assert names.isdisjoint({"lr", "cpu_percent", "memory_ram", "memory_swap"})


def test_a_surrogate_learns_known_curves(fitted: FittedSurrogate) -> None:
    unseen = configurations(260)[200:]
    codes = np.array([SPACE.encode(each) for each in unseen])
    truth = np.array([metrics_of(each, 6)["valid_acc"] for each in unseen])
    predicted = fitted.predict(codes, np.full(len(unseen), 6.0))
    assert set(predicted) == set(fitted.models)
    assert score(truth, predicted["valid_acc"])["r2"] > 0.7
    assert (
        predicted["valid_acc"].tolist()
        == fitted.predict_metric("valid_acc", codes, np.full(len(unseen), 6.0)).tolist()
    )


def test_the_same_tables_give_the_same_files_whatever_their_order(tmp_path: Path) -> None:
    trials, epochs = plain_tables(12)
    shuffled = epochs.take(np.random.default_rng(0).permutation(epochs.num_rows))
    for name, rows in (("first", epochs), ("second", shuffled)):
        fit(trials, rows, space="nepsbench101", boosting=QUICK).save(tmp_path / name)
    files = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert "valid_acc.cbm" in files
    assert files == sorted(path.name for path in (tmp_path / "second").iterdir())
    for name in files:
        first, second = (tmp_path / part / name for part in ("first", "second"))
        assert first.read_bytes() == second.read_bytes(), name


def test_a_stored_surrogate_predicts_the_same(fitted: FittedSurrogate, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    loaded = FittedSurrogate.load(tmp_path, SPACE)
    codes = np.array([SPACE.encode(each) for each in configurations(5)])
    epochs = np.arange(1.0, 6.0)
    expected, found = fitted.predict(codes, epochs), loaded.predict(codes, epochs)
    assert {name: values.tolist() for name, values in found.items()} == {
        name: values.tolist() for name, values in expected.items()
    }


def test_a_damaged_file_of_trees_is_named(tmp_path: Path) -> None:
    fit(*plain_tables(4), space="nepsbench101", boosting=QUICK).save(tmp_path)
    (tmp_path / "trees.npz").write_bytes(b"xx")
    with pytest.raises(CorruptedFileError, match=r"trees\.npz: no trees of a surrogate"):
        FittedSurrogate.load(tmp_path, SPACE)


def test_missing_values_and_unfinished_trials_are_left_out() -> None:
    trials, epochs = odd_tables()
    statuses = trials["status"].to_pylist()
    statuses[-1] = "timeout"
    trials = trials.set_column(trials.column_names.index("status"), "status", [statuses])
    data = training_data(trials, epochs, SPACE)
    assert len(data.metrics["valid_acc"].value) == 25 - 4
    assert len(data.metrics["test_acc"].value) == 25 - 4 - 1
    assert len(data.metrics["params"].value) == 6
    assert "latency" not in data.metrics


def test_a_table_without_ended_trials_is_refused() -> None:
    with pytest.raises(NepsbenchError, match="no trial is complete or diverged"):
        fit(trials_table([]), epochs_table([]), space="nepsbench101")


def test_trials_without_any_value_are_refused() -> None:
    trials, epochs = plain_tables(3)
    for name in ("params", "flops"):
        nothing = pa.nulls(3, pa.float64())
        trials = trials.set_column(trials.column_names.index(name), name, nothing)
    with pytest.raises(NepsbenchError, match="left no metric"):
        fit(trials, epochs.slice(0, 0), space="nepsbench101")


def test_the_card_scores_configurations_that_were_not_seen(card: Card) -> None:
    assert card["split"]["configurations_held_out"] == 40
    assert card["split"]["configurations_fitted"] == 160
    scores = card["metrics"]["valid_acc"]
    assert scores["overall"]["rows"] == 40 * 6
    assert scores["last_epoch"]["rows"] == 40
    assert 0.5 < scores["last_epoch"]["r2"] <= 1
    assert 0.5 < scores["last_epoch"]["kendall_tau"] <= 1
    constant = card["metrics"]["flops"]
    nothing = dict.fromkeys(("r2", "kendall_tau", "spearman"))
    assert constant == {"overall": {**nothing, "rows": 40}}
    assert json.loads(json.dumps(card, allow_nan=False)) == card


@given(
    st.lists(st.sampled_from("abcdefgh"), min_size=2).filter(lambda ids: len(set(ids)) > 1),
    st.floats(0.01, 0.99),
    st.integers(0, 2**32),
)
def test_no_configuration_is_on_both_sides(ids: list[str], held_out: float, seed: int) -> None:
    groups = np.unique(ids, return_inverse=True)[1]
    test = hold_out(groups, part=held_out, seed=seed)
    sides = [{ids[row] for row in np.flatnonzero(test == side)} for side in (True, False)]
    assert all(sides)
    assert sides[0].isdisjoint(sides[1])


def test_a_handful_of_configurations_cannot_be_judged() -> None:
    with pytest.raises(NepsbenchError, match="at least 4 trained configurations, there are 1"):
        evaluate(*plain_tables(1), space="nepsbench101", boosting=QUICK)


def test_scores_are_those_of_the_textbook() -> None:
    truth, predicted = np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])
    assert score(truth, predicted) == {
        "r2": 0.0,
        "kendall_tau": pytest.approx(1 / 3),
        "spearman": pytest.approx(0.5),
        "rows": 3,
    }
    assert score(truth, np.full(3, 2.0))["kendall_tau"] is None


@pytest.mark.parametrize(("module", "call"), [("catboost", fit), ("scipy", evaluate)])
def test_a_missing_extra_comes_with_its_command(
    monkeypatch: pytest.MonkeyPatch, module: str, call: object
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(NepsbenchError, match=r"pip install 'nepsbench\[surrogate\]'"):
        call(*plain_tables(8), space="nepsbench101", boosting=QUICK)


def test_one_answer_and_its_curve_are_those_of_many_rows(fitted: FittedSurrogate) -> None:
    codes = np.array([SPACE.encode(each) for each in configurations(3)])
    for row in codes:
        many = fitted.predict(np.tile(row, (6, 1)), np.arange(1.0, 7.0))
        curves = fitted.curves(row, 6)
        for name, values in many.items():
            assert curves[name] == pytest.approx(values, rel=1e-9)
            assert fitted.at(row, 4)[name] == pytest.approx(values[3], rel=1e-9)


def test_runtime_never_decreases(fitted: FittedSurrogate) -> None:
    for each in configurations(20):
        runtime = fitted.curves(np.array(SPACE.encode(each)), 200)["runtime"]
        assert (np.diff(runtime) > 0).all()


def test_divergence_has_a_probability_of_its_own() -> None:
    trials, epochs = plain_tables(60, epochs=1)
    rates = np.array(trials["LearningRate"].to_pylist())
    statuses = ["diverged" if rate > 0.1 else "complete" for rate in rates]
    trials = trials.set_column(trials.column_names.index("status"), "status", [statuses])
    found = fit(trials, epochs, space="nepsbench101", boosting=QUICK)
    high, low = (
        found.divergence_probability(
            np.array(SPACE.encode({**SPACE.defaults, "LearningRate": rate}))
        )
        for rate in (0.9, 0.002)
    )
    assert high > 0.6
    assert low < 0.4


def test_without_any_divergence_its_probability_is_small_but_not_nothing(
    fitted: FittedSurrogate,
) -> None:
    probability = fitted.divergence_probability(np.array(SPACE.encode(SPACE.defaults)))
    assert probability == pytest.approx(1 / 202)


def test_an_epoch_or_a_value_beyond_all_trainings_is_extrapolation(
    fitted: FittedSurrogate,
) -> None:
    inside = configurations(1)[0]
    codes = np.array(SPACE.encode(inside))
    assert not fitted.is_extrapolating(codes, 6)
    assert fitted.is_extrapolating(codes, 7)
    assert fitted.is_extrapolating(np.array(SPACE.encode({**inside, "LearningRate": 1.0})), 6)


def test_the_card_compares_with_baselines_and_checks_its_intervals(card: Card) -> None:
    baselines = card["main"]["baselines"]
    assert {"surrogate", "mean", "nearest neighbour", "linear"} <= set(baselines)
    assert baselines["surrogate"]["kendall_tau"] > baselines["nearest neighbour"]["kendall_tau"]
    curve = card["main"]["learning_curve"]
    counts = [each["configurations"] for each in curve]
    assert counts[0] < counts[1] < counts[2] == card["split"]["configurations_fitted"]
    assert curve[-1]["r2"] > curve[0]["r2"]
    assert card["main"]["left_out_regions"][0]["region"] == "N=5"
    assert card["calibration"]["valid_acc"]["0.9"] == pytest.approx(0.9, abs=0.1)


def test_isomorphic_cells_are_on_one_side() -> None:
    trials, epochs = plain_tables(12)
    data = training_data(trials, epochs, SPACE)
    twin = {**SPACE.defaults, **dict.fromkeys(("Op1", "Op2", "Op4", "Op5", "Op6"), 1), "Op3": 2}
    other = {**twin, "Op1": 2}  # leads to a node that nothing leaves
    codes = np.array([SPACE.encode(each) for each in (twin, other, SPACE.defaults)])
    groups = replace(data, codes=codes).groups
    assert groups[0] == groups[1] != groups[2]


def test_an_architecture_of_hundreds_of_trials_is_never_held_out() -> None:
    groups = np.concatenate([np.zeros(500, dtype=np.int64), np.arange(1, 400)])
    for seed in range(20):
        out = hold_out(groups, part=0.2, seed=seed)
        assert not out[:500].any()
        assert out.sum() == 80
