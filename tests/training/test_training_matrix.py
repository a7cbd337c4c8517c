"""The exactness matrix: every space with every recipe that fits, however it is disturbed."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from exactness import Pair, all_pairs, run_command_with_many_threads, store_few, train
from training_jobs import ends, facts

from nepsbench.schema import METRICS_BY_NAME
from nepsbench.training.recipe import recipe_names
from nepsbench.training.worker import run_worker

pytestmark = pytest.mark.whole

PAGE = (Path(__file__).parents[2] / "docs" / "reliability.md").read_text()
PAIRS = all_pairs()
#: Each space, each optimiser, images, maps and sequences.
FEW = [
    Pair("nepsbench101", "nepsbench101"),
    Pair("nasbench101", "nasbench101-4"),
    Pair("nasbench101", "nasbench_pytorch"),
    Pair("nasbench101", "nasbench_pytorch-sgd"),
    Pair("nasbench201", "nasbench201-12"),
    Pair("nasbench201", "nasbench360_precompute", "darcy_flow"),
    Pair("nats_size", "nats_size"),
    Pair("nashpobench2", "nashpobench2-12"),
    Pair("nasbench360_backbone", "nasbench360_backbone"),
    Pair("nasbench360_backbone", "nasbench360", "darcy_flow"),
    Pair("nasbench360_backbone", "nasbench360_backbone", "ecg"),
    Pair("oneshot_nasbench201", "oneshot_nasbench201-4"),
    Pair("darts", "darts-2"),
    Pair("densenas", "densenas-2", "ecg"),
    Pair("autodeeplab", "autodeeplab-2", "darcy_flow"),
    Pair("amber", "amber-2", "ecg"),
    Pair("perceiver_io", "perceiver_io"),
    Pair("xgboost", "xgboost"),
    Pair("expert_densenet_bc", "expert_densenet_bc"),
    Pair("expert_s2cnn", "expert_s2cnn"),
    Pair("expert_fno", "expert_fno", "darcy_flow"),
    Pair("expert_deepcon", "expert_deepcon", "darcy_flow"),
    Pair("expert_deepcr", "expert_deepcr-10", "cosmic"),
    Pair("expert_emg_attention", "expert_emg_attention-10"),
    Pair("expert_vgg", "expert_vgg", "fsd50k"),
    Pair("expert_resnet1d", "expert_resnet1d", "ecg"),
    Pair("expert_rocket", "expert_rocket", "ecg"),
    Pair("expert_deepsea", "expert_deepsea", "deepsea"),
    Pair("oneshot_darts", "oneshot_darts-4", "ecg"),
    Pair("oneshot_densenas", "oneshot_densenas-4"),
    Pair("oneshot_autodeeplab", "oneshot_autodeeplab-4", "darcy_flow"),
    Pair("oneshot_amber", "oneshot_amber-4", "ecg"),
]
JobMaker = Callable[..., Path]
#: Metrics by epoch, and how each trial ended.
Outcome = tuple[dict[tuple[int, int, int], dict[str, float]], dict[tuple[int, int], Any]]


@pytest.fixture(scope="module")
def few_datasets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("few")
    store_few(root)
    return root


@pytest.fixture
def job_of(make_job: JobMaker, few_datasets: Path) -> JobMaker:
    """Return a function that writes a job of a pair."""

    def make(pair: Pair, key: str, *portfolios, **changes) -> Path:
        version = next((few_datasets / pair.dataset).iterdir()).name
        own = {"datasets_directory": str(few_datasets), "dataset_version": version}
        return make_job(key, *portfolios, **(pair.job() | own | changes))

    return make


@pytest.fixture(scope="module")
def outcome_of() -> Callable[[Pair, JobMaker], Outcome]:
    """Return a function that trains a pair undisturbed, once, and returns what comes out."""
    known: dict[Pair, Outcome] = {}

    def train_once(pair: Pair, job_of: JobMaker) -> Outcome:
        if pair not in known:
            known[pair] = undisturbed(pair, job_of)
        return known[pair]

    return train_once


def undisturbed(pair: Pair, job_of: JobMaker) -> Outcome:
    job = job_of(pair, "undisturbed", pair.trials, campaign="undisturbed")
    run_worker(job, 0)  # here, so that what is forked from here has all that is imported
    epochs, statuses = facts(job), ends(job)
    assert len(statuses) == len(pair.trials)
    for (_, number), (status, reason) in statuses.items():
        done = sum(number == model_idx for _, model_idx, _ in epochs)
        # A published rate can be too high for so few examples: then that is the outcome.
        assert (status == "complete" and done == pair.epochs) or status == "diverged", reason
    assert all(METRICS_BY_NAME[name].reproducible for row in epochs.values() for name in row)
    assert all("train_loss" in row for row in epochs.values())
    return epochs, statuses


def of_jobs(*jobs: Path) -> Outcome:
    return facts(*jobs), ends(*jobs)


@pytest.mark.parametrize("pair", FEW, ids=str)
def test_all_disturbances_together_change_no_bit(pair, job_of, outcome_of):
    expected = outcome_of(pair, job_of)
    pilot = job_of(pair, "pilot", [], list(reversed(pair.trials)), target_epochs=1)
    assert train(pilot, worker=1, cores=1) == 0
    wave = job_of(pair, "wave", pair.trials)
    if pair.epochs > 1:
        assert train(wave, kill_at=2) == -signal.SIGKILL
    assert train(wave) == 0
    assert of_jobs(pilot, wave) == expected
    assert {status for status, _ in ends(wave).values()} == {"complete"}


def killed(pair: Pair, job_of: JobMaker) -> list[Path]:
    """Kill the worker in two epochs: a trial that kills it twice in one is given up."""
    job = job_of(pair, "killed", pair.trials)
    for batch in (3, pair.batches + 2):
        assert train(job, kill_at=batch) in (0, -signal.SIGKILL)
    assert train(job) == 0
    return [job]


def spread(pair: Pair, job_of: JobMaker) -> list[Path]:
    job = job_of(pair, "spread", pair.trials[1:], pair.trials[:1])
    assert train(job, worker=1) == train(job) == 0
    return [job]


def reordered(pair: Pair, job_of: JobMaker) -> list[Path]:
    job = job_of(pair, "reordered", list(reversed(pair.trials)))
    assert train(job) == 0
    return [job]


def in_waves(pair: Pair, job_of: JobMaker) -> list[Path]:
    jobs = [
        job_of(pair, f"wave-{epochs}", pair.trials, target_epochs=epochs)
        for epochs in range(1, pair.epochs + 1)
    ]
    assert [train(job) for job in jobs] == [0] * len(jobs)
    return jobs


def on_one_core(pair: Pair, job_of: JobMaker) -> list[Path]:
    job = job_of(pair, "one-core", pair.trials)
    assert train(job, cores=1) == 0
    return [job]


def with_many_threads(pair: Pair, job_of: JobMaker) -> list[Path]:
    """Run a worker as a job does, where the environment asks for other threads."""
    job = job_of(pair, "threads", pair.trials)
    assert run_command_with_many_threads(job) == 0
    return [job]


DISTURBANCES = (killed, spread, reordered, in_waves, on_one_core, with_many_threads)


@pytest.mark.slow
@pytest.mark.parametrize("disturbed", DISTURBANCES)
@pytest.mark.parametrize("pair", [*PAIRS, *(p for p in FEW if p not in PAIRS)], ids=str)
def test_no_disturbance_changes_a_bit(pair, disturbed, job_of, outcome_of):
    expected = outcome_of(pair, job_of)
    assert of_jobs(*disturbed(pair, job_of)) == expected


def test_few_are_of_all_and_every_recipe_and_space_is_among_all():
    names = {(pair.space, pair.recipe) for pair in PAIRS}
    assert names >= {(pair.space, pair.recipe) for pair in FEW}
    assert {pair.recipe for pair in PAIRS} == set(recipe_names())
    assert {pair.space for pair in PAIRS} == {pair.space for pair in FEW}


def test_the_page_has_a_row_for_each_space_with_all_files_of_recipes():
    assert table_of_pairs() in PAGE


def table_of_pairs() -> str:
    """Return the page's table: the files of recipes that each space is disturbed with."""
    often = {(pair.space, file_of(pair)) for pair in FEW}
    lines = ["| space | always | slow |", "|---|---|---|"]
    for space in dict.fromkeys(pair.space for pair in PAIRS):
        files = sorted({file_of(pair) for pair in PAIRS if pair.space == space})
        always = [file for file in files if (space, file) in often]
        named = ", ".join(f"`{file}`" for file in always)
        lines.append(f"| `{space}` | {named} | {len(files) - len(always)} others |")
    return "\n".join(lines)


def file_of(pair: Pair) -> str:
    return pair.recipe.partition("-")[0]
