"""Training by the command, from Python, and by a live benchmark: a worker's numbers, paid once."""

from __future__ import annotations

import json

import pytest
from training_jobs import facts, trial
from typer.testing import CliRunner

import nepsbench
from nepsbench.cli.main import app
from nepsbench.client.live import LiveBenchmark
from nepsbench.errors import SpecError
from nepsbench.release import build_release
from nepsbench.schema import METRICS_BY_NAME
from nepsbench.training.recipe import Settings
from nepsbench.training.worker import run_worker
from tests.tiny_benchmark import INFO, NAME, configurations, epochs_of, epochs_table, trials_table
from tests.tiny_benchmark import trial as tiny_trial

TRIALS = [
    trial(1, seed=11, Resolution=0.25, Op1=2, Op4=4, Op6=3),
    trial(2, seed=12, Resolution=0.25, Optimizer="AdamW", LearningRate=0.01, Op2=1),
]
ASKED = {"space": "nepsbench101", "dataset": "digits"}


def exact(row):
    return {n: v for n, v in row.items() if n != "epoch" and METRICS_BY_NAME[n].reproducible}


@pytest.fixture
def asked(datasets_root):
    return {**ASKED, "datasets": datasets_root}


@pytest.fixture
def of_the_worker(make_job):
    job = make_job("j", TRIALS, target_epochs=2)
    run_worker(job, 0)
    return facts(job)


@pytest.mark.parametrize("processes", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_the_command_gives_the_workers_numbers_in_any_number_of_processes(
    of_the_worker, datasets_root, tmp_path, processes
):
    file, output = tmp_path / "asked.jsonl", tmp_path / "results" / "trained.jsonl"
    rows = [{**t["configuration"], "seed": t["seed"]} for t in TRIALS]
    file.write_text("".join(json.dumps(row) + "\n" for row in [*rows, rows[0]]))
    command = ["train", "--epochs", "2", "--file", str(file), "--processes", processes, "--json"]
    command += ["--datasets", str(datasets_root), "-o", str(output)]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    printed = [json.loads(line) for line in result.stdout.splitlines()]
    assert [each["seed"] for each in printed] == [11, 12, 11]
    assert printed[0] == printed[2]
    for model_idx, each in enumerate(printed[:2], start=1):
        assert (each["status"], each["recipe"]) == ("complete", "nepsbench101")
        for row in each["curve"]:
            assert exact(row).items() >= of_the_worker[0, model_idx, row["epoch"]].items()
    written = [json.loads(line) for line in output.read_text().splitlines()]
    assert sorted(written, key=str) == sorted(printed, key=str)


def test_a_batch_goes_on_after_a_divergence_and_trains_equal_ones_once(
    asked, of_the_worker, counted, monkeypatch
):
    true = Settings.rate

    def rate(self, epoch, share=0.0):
        diverging = self.learning_rate == 1.0 and epoch == 2
        return 1e38 if diverging else true(self, epoch, share)

    monkeypatch.setattr(Settings, "rate", rate)
    good, bad = TRIALS[0]["configuration"], {**TRIALS[0]["configuration"], "LearningRate": 1.0}
    results = nepsbench.train([bad, good, bad], epochs=2, seed=11, **asked)
    assert [each.status for each in results] == ["diverged", "complete", "diverged"]
    assert (list(results[0].curve), len(counted)) == ([1], 2)
    assert "epoch 2" in results[0].reason
    assert exact(results[1].last).items() >= of_the_worker[0, 1, 2].items()
    assert results[1].last["params"] > 0


def test_a_trial_is_opened_without_a_release_and_trained_in_parts(asked, of_the_worker, tmp_path):
    first = nepsbench.open_trial(
        TRIALS[1]["configuration"], seed=12, checkpoints=tmp_path / "kept", **asked
    )
    first.train(1)
    done = nepsbench.train(
        TRIALS[1]["configuration"], epochs=2, seed=12, checkpoints=tmp_path / "kept", **asked
    )
    for epoch, row in done.curve.items():
        assert exact(row).items() >= of_the_worker[0, 2, epoch].items()
    assert first.train(2) == done.curve


def test_what_cannot_be_trained_is_told_before_anything_is_trained(asked, counted):
    configuration = TRIALS[0]["configuration"]
    with pytest.raises(nepsbench.NepsbenchError, match="N=2 is not a choice"):
        nepsbench.train([configuration, {**configuration, "N": 2}], epochs=1, **asked)
    with pytest.raises(SpecError, match="ends at epoch 200, 201 were asked for"):
        nepsbench.train(configuration, epochs=201, **asked)
    with pytest.raises(SpecError, match=r"takes LearningRate, .* from the configuration"):
        nepsbench.train(5, epochs=1, **{**asked, "space": "nasbench201"}, recipe="nepsbench101")
    assert counted == []


@pytest.fixture
def bench(tmp_path, datasets_root) -> LiveBenchmark:
    row = tiny_trial(configurations(1)[0], 1, epochs=4, target_epochs=4)
    release = build_release(
        name=NAME,
        version="1.0.0",
        benchmark_info=INFO,
        trials=trials_table([row]),
        epochs=epochs_table(epochs_of(row)),
        surrogate=None,
        card=None,
        target=tmp_path,
    )
    return nepsbench.load(
        release, kind="live", datasets=datasets_root, checkpoints=tmp_path / "kept"
    )


def test_successive_halving_pays_for_each_epoch_once(bench, counted, asked):
    configuration = TRIALS[0]["configuration"]
    alive = [{**configuration, "Op1": operation} for operation in range(4)]
    for epoch in (1, 2, 4):
        answers = [(bench(each, epoch, seed=1)["valid_loss"], i) for i, each in enumerate(alive)]
        alive = [alive[i] for _, i in sorted(answers)[: max(len(alive) // 2, 1)]]
    trained = sorted(until - begun for begun, until in counted)
    assert trained == [1, 1, 1, 1, 1, 1, 2]  # 4 to epoch 1, 2 of them to 2, one of these to 4
    curve = bench.trajectory(alive[0], seed=1)
    assert len(counted) == 7
    at_once = nepsbench.open_trial(alive[0], seed=1, **asked).train(4)
    assert {"valid_loss", "test_acc"} < exact(curve[4]).keys()
    assert all(exact(at_once[epoch]).items() >= exact(row).items() for epoch, row in curve.items())


def test_a_batch_needs_something_to_train():
    result = CliRunner().invoke(app, ["train", "--epochs", "1"])
    assert "nothing to train: give a configuration, --sample or --file" in str(result.exception)
