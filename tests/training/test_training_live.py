"""Trials on demand: trained in parts, in memory or in a folder, to a worker's numbers."""

from __future__ import annotations

import pytest
import torch
from training_jobs import facts, trial

from nepsbench.errors import CorruptedFileError, StorageError
from nepsbench.journal import JournalWriter
from nepsbench.schema import METRICS_BY_NAME
from nepsbench.training.divergence import DivergedError
from nepsbench.training.live import LiveTrial, open_terms
from nepsbench.training.recipe import Settings
from nepsbench.training.worker import run_worker

TRIAL = trial(1, seed=12, Optimizer="AdamW", LearningRate=0.01, Resolution=0.25, Op2=1, Op5=2)


@pytest.fixture(scope="module")
def terms(datasets_root):
    return open_terms(
        space="nepsbench101", dataset="digits", datasets_root=datasets_root, recipe="nepsbench101"
    )


def a_trial(terms, folder=None):
    return LiveTrial(terms, TRIAL["configuration"], seed=TRIAL["seed"], folder=folder)


def exact(curve):
    """Return the reproducible part of a curve."""
    return {
        epoch: {name: v for name, v in row.items() if METRICS_BY_NAME[name].reproducible}
        for epoch, row in curve.items()
    }


@pytest.fixture(scope="module")
def at_once(terms):
    live = a_trial(terms)
    return exact(live.train(4)), live.network.state_dict()


def assert_same_weights(network, expected):
    found = network.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_training_in_parts_equals_training_at_once_and_a_worker(terms, at_once, make_job, counted):
    live = a_trial(terms)
    assert list(live.train(1)) == [1]
    assert exact(live.train(4)) == at_once[0]
    assert exact(live.train(2)) == {epoch: at_once[0][epoch] for epoch in (1, 2)}
    assert counted == [(0, 1), (1, 4)]
    assert_same_weights(live.network, at_once[1])
    job = make_job("j", [TRIAL])
    run_worker(job, 0)
    for (_, _, epoch), row in facts(job).items():
        assert at_once[0][epoch].items() >= row.items()


def test_a_folder_lets_another_process_go_on(terms, at_once, tmp_path, counted):
    a_trial(terms, tmp_path).train(3)
    again = a_trial(terms, tmp_path)
    assert (again.epoch, again.train(2).keys(), counted) == (3, {1, 2}, [(0, 3)])
    assert exact(again.train(4)) == at_once[0]
    assert counted == [(0, 3), (3, 4)]
    assert_same_weights(a_trial(terms, tmp_path).network, at_once[1])


def test_time_between_two_trainings_is_no_runtime(terms):
    live = a_trial(terms)
    live.train(1)
    live._state.counted -= 1000  # as if its last epoch were long ago
    assert live.train(2)[2]["runtime"] < 500


@pytest.mark.parametrize("kept", [True, False])
def test_an_interrupted_training_goes_on_from_the_last_epoch(terms, at_once, tmp_path, kept):
    def interrupt(done):
        if done > 2.2:
            raise KeyboardInterrupt

    live = a_trial(terms, tmp_path if kept else None)
    with pytest.raises(KeyboardInterrupt):
        live.train(4, report=interrupt)
    assert live.epoch == 2
    assert exact(live.train(4)) == at_once[0]
    assert_same_weights(live.network, at_once[1])


def test_a_journal_that_is_ahead_of_the_checkpoint_costs_an_epoch_and_no_bit(
    terms, at_once, tmp_path, counted
):
    live = a_trial(terms, tmp_path)
    live.train(1)
    (checkpoint,) = tmp_path.glob("*/checkpoint.pt")
    before = checkpoint.read_bytes()
    live.train(2)
    checkpoint.write_bytes(before)  # as a kill between journal and checkpoint leaves it
    assert exact(a_trial(terms, tmp_path).train(4)) == at_once[0]
    assert counted[-1] == (1, 4)


def test_two_objects_of_one_trial_do_not_undo_each_other(terms, at_once, tmp_path, counted):
    one, other = a_trial(terms, tmp_path), a_trial(terms, tmp_path)
    one.train(1)
    other.train(3)
    assert exact(one.train(4)) == at_once[0]
    assert counted == [(0, 1), (1, 3), (3, 4)]


def test_a_trial_that_another_process_trains_is_refused(terms, tmp_path):
    live = a_trial(terms, tmp_path)
    live.train(1)
    (journal,) = tmp_path.glob("*/trial.journal")
    with (
        JournalWriter(journal),
        pytest.raises(StorageError, match="a training of this trial is running already"),
    ):
        live.train(2)


def test_a_damaged_checkpoint_is_named(terms, tmp_path):
    a_trial(terms, tmp_path).train(1)
    (checkpoint,) = tmp_path.glob("*/checkpoint.pt")
    content = bytearray(checkpoint.read_bytes())
    content[100] ^= 1
    checkpoint.write_bytes(content)
    with pytest.raises(CorruptedFileError, match=r"checkpoint\.pt: damaged checkpoint"):
        a_trial(terms, tmp_path).train(2)


def test_a_divergence_is_remembered_with_the_epochs_before_it(terms, tmp_path, monkeypatch):
    true = Settings.rate

    def rate(self, epoch, share=0.0):
        return 1e38 if epoch == 2 else true(self, epoch, share)

    monkeypatch.setattr(Settings, "rate", rate)
    live = a_trial(terms, tmp_path)
    with pytest.raises(DivergedError) as first:
        live.train(4)
    monkeypatch.undo()
    again = a_trial(terms, tmp_path)
    assert list(again.curve) == list(again.train(again.epoch)) == list(live.curve)
    with pytest.raises(DivergedError, match=str(first.value)):
        again.train(4)


def test_the_report_rises_from_nothing_to_every_epoch(terms):
    told = []
    a_trial(terms).train(2, report=told.append)
    assert told == sorted(told)
    assert told[0] == 0
    assert 1.5 < told[-1] <= 2
