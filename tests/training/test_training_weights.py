"""Kept weights: the right epochs, the same bits after any kill, files that say what they are."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from hashlib import sha256

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from training_jobs import journal_records, left, trial

from nepsbench.errors import CorruptedFileError, SpecError
from nepsbench.kept import KeepRule, column_of, kept_in, weights_path
from nepsbench.training import trial as trial_module
from nepsbench.training.keeping import Keeper, Kept
from nepsbench.training.live import LiveTrial, open_terms
from nepsbench.training.loop import TrainingState
from nepsbench.training.recipe import Settings
from nepsbench.training.weights import decode_weights, encode_weights, load_network
from nepsbench.training.worker import run_worker

pytestmark = pytest.mark.whole

SMALL = {"Resolution": 0.25, "Op1": 2}


def kept_by(job, model_idx=1):
    """Return SHA-256 by epoch, as the trial's last record tells it."""
    return kept_in(left(job)[model_idx]["kept_weights"])


def files_below(folder):
    return sorted(path.name for path in folder.glob("weights/*/*"))


def valid_accuracies(job):
    return {r["epoch"]: r["metrics"]["valid_acc"] for r in journal_records(job)
            if r["kind"] == "epoch"}  # fmt: skip


def test_without_the_wish_nothing_is_kept(make_job, tmp_path):
    job = make_job("j", [trial(1, **SMALL)], target_epochs=1)
    run_worker(job, 0)
    assert (left(job)[1]["kept_weights"], files_below(tmp_path / "c")) == (None, [])


def test_every_so_many_epochs_of_two_waves_are_kept_and_are_the_trained_ones(
    make_job, tmp_path, datasets_root
):
    run_worker(make_job("one", [trial(1, **SMALL)], keep_weights="every 2", target_epochs=3), 0)
    job = make_job("two", [trial(1, **SMALL)], keep_weights="every 2", target_epochs=4)
    run_worker(job, 0)
    kept = kept_by(job)
    assert list(kept) == [2, 4]
    assert files_below(tmp_path / "c") == sorted(f"{d}.safetensors" for d in kept.values())
    terms = open_terms(
        space="nepsbench101", dataset="digits", datasets_root=datasets_root, recipe="nepsbench101"
    )
    live = LiveTrial(terms, trial(1, **SMALL)["configuration"], seed=1)
    for epoch, digest in kept.items():
        live.train(epoch)
        network = load_network(tmp_path / "c" / weights_path(digest))
        expected = live.network.state_dict()
        assert all(torch.equal(t, expected[name]) for name, t in network.state_dict().items())
        assert network.state_dict().keys() == expected.keys()


def test_the_last_of_each_wave_or_the_best_of_all_is_kept(make_job):
    trials = [trial(1, **SMALL)]
    for campaign, rule in (("last", "last"), ("best", "best"), ("all", "every 1")):
        for wave in (2, 4):
            job = make_job(f"w{wave}", trials, campaign=campaign, keep_weights=rule,
                           target_epochs=wave)  # fmt: skip
            run_worker(job, 0)
            if campaign == "last":
                last = kept_by(job)
            elif campaign == "best":
                best = kept_by(job)
            else:
                every = kept_by(job)
    job_of_all = job.parent
    accuracies = valid_accuracies(job_of_all / "w2") | valid_accuracies(job_of_all / "w4")
    assert last == {2: every[2], 4: every[4]}
    first_best = {
        wave: max((e for e in accuracies if e <= wave), key=lambda e: (accuracies[e], -e))
        for wave in (2, 4)
    }
    assert best == {epoch: every[epoch] for epoch in sorted(set(first_best.values()))}


def test_a_job_that_finds_nothing_to_train_keeps_the_last_weights_too(make_job):
    run_worker(make_job("one", [trial(1, **SMALL)], target_epochs=1), 0)
    job = make_job("two", [trial(1, **SMALL)], target_epochs=1, keep_weights="last")
    run_worker(job, 0)
    assert list(kept_by(job)) == [1]


@pytest.mark.parametrize("rule", ["last", "best"])
def test_a_trial_that_diverges_keeps_those_of_its_last_sound_epoch(make_job, monkeypatch, rule):
    true = Settings.rate

    def rate(self, epoch, share=0.0):
        return 1e38 if epoch == 2 else true(self, epoch, share)

    monkeypatch.setattr(Settings, "rate", rate)
    job = make_job("j", [trial(1, **SMALL)], target_epochs=3, keep_weights=rule)
    run_worker(job, 0)
    assert left(job)[1]["status"] == "diverged"
    assert list(kept_by(job)) == [1]


@pytest.mark.parametrize("rule", ["best", "every 2"])
def test_a_worker_killed_between_any_two_writes_keeps_the_same_weights(make_job, monkeypatch, rule):
    """The order of writes is: journal, weights, checkpoint. The kill is where it hurts most."""
    trials = [trial(1, **SMALL)]
    undisturbed = make_job("j", trials, campaign="undisturbed", keep_weights=rule)
    run_worker(undisturbed, 0)
    job = make_job("j", trials, keep_weights=rule)
    true = trial_module.save_checkpoint
    saved = []

    def killed_before_saving(path, state, *arguments, **options):
        if state.epoch in (2, 3) and state.epoch not in saved:
            saved.append(state.epoch)
            raise KeyboardInterrupt
        true(path, state, *arguments, **options)

    monkeypatch.setattr(trial_module, "save_checkpoint", killed_before_saving)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run_worker(job, 0)
    run_worker(job, 0)
    assert saved == [2, 3]
    assert kept_by(job) == kept_by(undisturbed)
    assert files_below(job.parents[1]) == files_below(undisturbed.parents[1])


def test_a_killed_and_resumed_worker_process_keeps_the_same_weights(make_job):
    trials = [trial(1, **SMALL), trial(2, seed=5, **SMALL)]
    undisturbed = make_job("j", trials, campaign="undisturbed", keep_weights="best")
    run_worker(undisturbed, 0)
    job = make_job("j", trials, keep_weights="best")
    command = [sys.executable, "-m", "nepsbench", "worker", "run", "--job", str(job)]
    worker = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=os.environ)
    path = job / "results" / "worker-0.journal"
    end = time.monotonic() + 300
    while not path.exists() or sum(r["kind"] == "epoch" for r in journal_records(job)) < 3:
        assert time.monotonic() < end
        time.sleep(0.005)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    run_worker(job, 0)
    assert files_below(job.parents[1]) == files_below(undisturbed.parents[1])
    for model_idx in (1, 2):
        assert kept_by(job, model_idx) == kept_by(undisturbed, model_idx)


def test_the_best_is_the_lowest_where_lower_is_better(tmp_path):
    network = nn.Linear(1, 1)
    state = TrainingState(network, torch.optim.SGD(network.parameters(), lr=0.1))
    keeper = Keeper(KeepRule(best=True), tmp_path, {}, metric="valid_rel_l2")
    kept = Kept()
    for state.epoch, value in ((1, 0.5), (2, 0.25), (3, 0.25), (4, None), (5, 0.75)):
        metrics = {} if value is None else {"valid_rel_l2": value}
        with torch.no_grad():
            network.bias.fill_(state.epoch)
        keeper.after_epoch(kept, state, metrics, is_last=state.epoch == 5)
    assert list(kept.weights) == [2]
    (path,) = tmp_path.glob("weights/*/*")
    assert decode_weights(path.read_bytes())[0]["bias"].item() == 2


def test_a_wish_that_is_none_is_refused(make_job):
    for rule in ("every 0", "all", "every"):
        job = make_job(rule.replace(" ", "-"), [trial(1)], keep_weights=rule)
        with pytest.raises(SpecError, match="keep_weights: String should match pattern"):
            run_worker(job, 0)


def test_damaged_weights_are_refused_by_their_name(tmp_path):
    state = {"weight": torch.ones(3)}
    content = bytearray(encode_weights(state, {}))
    path = tmp_path / f"{sha256(content).hexdigest()}.safetensors"
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(CorruptedFileError, match="damaged weights"):
        load_network(path)


KINDS = st.sampled_from([torch.float32, torch.float64, torch.int64])
SHAPES = st.lists(st.integers(0, 4), max_size=3)


@given(st.dictionaries(st.text(min_size=1), st.tuples(KINDS, SHAPES), max_size=4))
def test_a_file_of_weights_gives_every_bit_back(kinds):
    state = {
        name: torch.arange(max(torch.Size(shape).numel(), 1))[: torch.Size(shape).numel()]
        .to(kind)
        .reshape(shape)
        for name, (kind, shape) in kinds.items()
        if name != "__metadata__"
    }
    found, about = decode_weights(encode_weights(state, {"space": "s"}))
    assert about == {"space": "s"}
    assert found.keys() == state.keys()
    for name, tensor in state.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor)


def test_the_file_is_laid_out_as_safetensors_is():
    content = encode_weights({"a": torch.tensor([1.5]), "b": torch.tensor(3)}, {})
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    assert length % 8 == 0
    assert header["a"] == {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    assert header["b"] == {"dtype": "I64", "shape": [], "data_offsets": [4, 12]}
    assert all(isinstance(value, str) for value in header["__metadata__"].values())
    assert len(content) == 8 + length + 12


def test_the_column_and_the_rule_are_read_back():
    kept = {12: "b" * 64, 3: "a" * 64}
    assert kept_in(column_of(kept)) == kept
    assert list(json.loads(column_of(kept))) == ["3", "12"]
    assert (column_of({}), kept_in(None)) == (None, {})
    assert KeepRule.parse("every 5") == KeepRule(every=5)
    assert KeepRule.parse("none") == KeepRule()
