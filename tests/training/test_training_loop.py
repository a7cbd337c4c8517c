"""The loop by itself: divergence, timing, the schedule's end."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
import torch.nn.functional as F
from torch import nn
from training_jobs import DEFAULTS

from nepsbench.datasets.opening import SplitTensors, open_dataset
from nepsbench.errors import SpecError
from nepsbench.spaces import get_space
from nepsbench.spaces.networks import Problem
from nepsbench.training.divergence import DivergedError
from nepsbench.training.loop import initial_state, train_epochs
from nepsbench.training.recipe import Settings, get_recipe
from nepsbench.training.trial_data import prepare_trial_data

CONFIGURATION = get_space("nepsbench101").validate({**DEFAULTS, "Resolution": 0.5, "Op1": 2})
SETTINGS = get_recipe("nepsbench101").settings(CONFIGURATION)


@pytest.fixture
def state():
    return initial_state(
        "nepsbench101", CONFIGURATION, Problem((1, 4, 4), 10), settings=SETTINGS, seed=1
    )


@pytest.fixture
def data(datasets_root):
    return prepare_trial_data(open_dataset("digits", datasets_root), SETTINGS)


def train(state, data, *, until=2, **options):
    return train_epochs(state, data, settings=SETTINGS, seed=1, until=until, **options)


@pytest.fixture
def _infinite_rate(monkeypatch):
    monkeypatch.setattr(Settings, "rate", lambda *_: float("inf"))


@pytest.mark.usefixtures("_infinite_rate")
def test_divergence_ends_the_epoch_at_the_next_batch(state, data):
    batches = []
    with pytest.raises(DivergedError, match="epoch 1: train loss is "):
        next(train(state, data, stopped=lambda: batches.append(1)))
    assert len(batches) == 2 < data.steps


@pytest.mark.usefixtures("_infinite_rate")
def test_weights_that_the_last_batch_made_infinite_are_divergence(state, data):
    one_batch = SplitTensors(data.train.inputs[:256], data.train.targets[:256])
    with pytest.raises(DivergedError, match=r"epoch 1: the weights .* are not finite any more"):
        next(train(state, replace(data, train=one_batch)))


def test_an_evaluation_that_overflows_is_missing_and_training_goes_on(state, data):
    norm = next(m for m in state.network.modules() if isinstance(m, nn.BatchNorm2d))
    norm.running_mean.fill_(float("inf"))
    first, second = train(state, data)
    for metrics in (first, second):
        assert {"train_loss", "train_acc", "valid_duration"} <= set(metrics)
        assert not {"valid_loss", "valid_acc", "test_loss", "test_acc"} & set(metrics)


def test_no_epoch_is_trained_beyond_the_schedule(state, data):
    assert SETTINGS.rate(SETTINGS.recipe.horizon) > 0
    with pytest.raises(SpecError, match="ends at epoch 200, 201 were asked for; ask for fewer"):
        next(train(state, data, until=201))
    with pytest.raises(SpecError):
        SETTINGS.rate(201)


def test_at_full_resolution_the_splits_are_the_datasets_own(datasets_root):
    digits = open_dataset("digits", datasets_root)
    data = prepare_trial_data(digits, replace(SETTINGS, resolution=1.0))
    assert data.valid is digits.valid
    assert data.test is digits.test


def test_loading_does_not_include_the_loss_of_the_batch_before(state, data, monkeypatch):
    true_loss, now = F.cross_entropy, [0.0]

    def slow(*arguments, **options):
        now[0] += 1.0
        return true_loss(*arguments, **options)

    monkeypatch.setattr(F, "cross_entropy", slow)
    monkeypatch.setitem(train_epochs.__globals__, "perf_counter", lambda: now[0])
    metrics = next(train(state, data))
    for split in ("train", "valid", "test"):
        assert metrics[f"{split}_data_load_duration"] == 0.0
        assert metrics[f"{split}_duration"] >= 1.0


def test_runtime_is_the_wall_time_of_the_trial_with_its_setup_and_its_journal(state, data):
    time.sleep(0.1)  # set-up: the checkpoint is loaded
    curve = train(state, data)
    first = next(curve)
    time.sleep(0.2)  # the epoch is journalled and saved
    second = next(curve)
    passes = ("train_duration", "valid_duration", "test_duration")
    assert first["runtime"] > 0.1 + sum(first[name] for name in passes)
    assert second["runtime"] > 0.2 + first["runtime"] + sum(second[name] for name in passes)
