"""Exact, tolerable, drifted: what a comparison says, of which epoch and metric, and why."""

import pytest

from nepsbench.audit.comparison import Curve, Tolerance, Verdict, compare
from nepsbench.schema import EPOCH_METRICS

TOLERANCE = Tolerance(points=2.0, relative=0.05)
HERE = {
    "code_version": "0.1+a", "torch_version": "2.13", "python_version": "3.11", "device": "CPU A",
    "host": "n1",
}  # fmt: skip
ELSEWHERE = HERE | {"device": "CPU B", "host": "n2"}


def curve(epochs=3, *, changes=None, **trial):
    """A trial whose values grow with the epoch; ``changes`` overwrite (epoch, metric)."""
    row = {
        "profile": "p", "taskid": 0, "model_idx": 1, "status": "complete", "reason": None,
        "epochs": epochs, "params": 0.5, "flops": 1.5,
    }  # fmt: skip
    rows = {
        epoch: {metric.name: 10.0 + epoch for metric in EPOCH_METRICS}
        for epoch in range(1, epochs + 1)
    }
    for (epoch, name), value in (changes or {}).items():
        rows[epoch][name] = value
    return Curve(row | HERE | trial, rows)


def compared(recorded, trained, until=3):
    return compare(recorded, trained, until=until, tolerance=TOLERANCE)


def test_the_same_bits_are_exact_wherever_they_were_made():
    assert compared(curve(), curve()).verdict is Verdict.EXACT
    found = compared(curve(), curve(**ELSEWHERE))
    assert (found.verdict, found.deviations) == (Verdict.EXACT, ())
    assert found.provenance == {"device": ("CPU A", "CPU B"), "host": ("n1", "n2")}


def test_times_and_memory_may_differ():
    changes = {(1, "runtime"): 99.0, (2, "memory_ram"): 1.0, (3, "train_duration"): 7.0}
    assert compared(curve(), curve(changes=changes)).verdict is Verdict.EXACT


def test_the_last_bit_of_one_loss_is_drift_on_the_same_software_and_device():
    found = compared(curve(changes={(2, "valid_loss"): 12.000000000000002}), curve())
    assert found.verdict is Verdict.DRIFTED
    [deviation] = found.deviations
    assert (deviation.epoch, deviation.metric) == (2, "valid_loss")
    assert (deviation.recorded, deviation.trained) == (12.000000000000002, 12.0)
    text = str(found)
    assert text.startswith(
        "drifted   p taskid 0 model_idx 1: epoch 2: valid_loss 12.00000000000000"
    )
    assert "1 of 3 epochs differ" in text
    assert "nothing explains it" in text


def test_another_host_of_the_same_kind_explains_nothing():
    found = compared(curve(), curve(changes={(1, "test_acc"): 11.5}, host="n9"))
    assert found.verdict is Verdict.DRIFTED
    assert "host n1 -> n9, same code, torch, Python and CPU" in str(found)


@pytest.mark.parametrize("name", ["code_version", "torch_version", "python_version", "device"])
def test_small_differences_are_tolerable_where_provenance_differs(name):
    changes = {(2, "valid_acc"): 13.9, (3, "train_loss"): 13.6}
    found = compared(curve(), curve(changes=changes, **{name: "another"}))
    assert found.verdict is Verdict.TOLERABLE
    assert [(d.epoch, d.metric) for d in found.deviations] == [(2, "valid_acc"), (3, "train_loss")]
    assert f"{name} {HERE[name]} -> another" in str(found)


@pytest.mark.parametrize(("metric", "value"), [("valid_acc", 14.1), ("train_loss", 12.7)])
def test_a_difference_beyond_the_tolerance_is_drift_elsewhere_too(metric, value):
    found = compared(curve(), curve(changes={(2, metric): value}, **ELSEWHERE))
    assert found.verdict is Verdict.DRIFTED
    assert "device CPU A -> CPU B" in str(found)


def test_of_several_metrics_the_one_that_differs_most_is_named():
    changes = {(2, "train_loss"): 12.1, (2, "valid_acc"): 15.0, (2, "valid_loss"): 12.01}
    [deviation] = compared(curve(), curve(changes=changes)).deviations
    assert deviation.metric == "valid_acc"
    assert str(deviation) == "epoch 2: valid_acc 12.0 recorded, 15.0 trained again, +3"


@pytest.mark.parametrize("changes", [{(1, "lr"): 11.0001}])
def test_what_follows_from_the_configuration_is_tolerated_nowhere(changes):
    assert compared(curve(), curve(changes=changes, **ELSEWHERE)).verdict is Verdict.DRIFTED
    rounded = {(1, "lr"): 11.000000000000002}
    assert compared(curve(), curve(changes=rounded, **ELSEWHERE)).verdict is Verdict.TOLERABLE
    found = compared(curve(params=0.6), curve(**ELSEWHERE))
    assert (found.verdict, found.deviations[0].epoch) == (Verdict.DRIFTED, 0)
    assert "params 0.6 recorded, 0.5 trained again" in str(found)


def test_a_value_that_is_missing_on_one_side_is_drift():
    found = compared(curve(changes={(3, "test_loss"): None}), curve(**ELSEWHERE))
    assert found.verdict is Verdict.DRIFTED
    assert "epoch 3: test_loss missing recorded, 13.0 trained again" in str(found)
    both = {(3, "test_loss"): None}
    assert compared(curve(changes=both), curve(changes=both)).verdict is Verdict.EXACT


def test_a_metric_that_a_release_has_no_column_of_is_not_compared():
    recorded = curve()
    for row in recorded.epochs.values():
        del row["valid_loss"]
    assert compared(recorded, curve()).verdict is Verdict.EXACT


def test_an_epoch_that_is_not_recorded_is_named():
    recorded = curve()
    del recorded.epochs[2]
    [deviation] = compared(recorded, curve()).deviations
    assert (deviation.epoch, deviation.metric) == (2, "all")


def test_a_divergence_must_come_again_in_the_same_epoch():
    diverged = {"status": "diverged", "reason": "loss is inf"}
    assert compared(curve(2, **diverged), curve(2, **diverged)).verdict is Verdict.EXACT
    found = compared(curve(2, **diverged), curve(3, **ELSEWHERE))
    assert found.verdict is Verdict.DRIFTED
    said = "epoch 3: status diverged after epoch 2 recorded, epoch 3 reached trained again"
    assert said in str(found)
    assert compared(curve(3), curve(1, **diverged)).deviations[0].epoch == 2


def test_a_longer_recorded_curve_is_compared_as_far_as_was_trained_again():
    found = compared(curve(12), curve(3))
    assert (found.verdict, found.epochs) == (Verdict.EXACT, 3)


@pytest.mark.parametrize("status", ["failed", "oom", "pending", "running", "timeout"])
def test_a_training_that_did_not_end_is_no_verdict_on_the_table(status):
    found = compared(curve(), curve(2, status=status, reason="no memory"))
    assert found.verdict is Verdict.FAILED
    assert f"{status} at epoch 2: no memory" in str(found)


def test_a_trial_that_was_dropped_meanwhile_is_told():
    assert "is not recorded any more" in str(compared(None, curve()))
