"""The exactness matrix: every space with every recipe that fits, however it is disturbed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from exactness import Pair, all_pairs, store_few, train
from training_jobs import facts, left

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


def undisturbed(pair: Pair, job_of: JobMaker):
    job = job_of(pair, "undisturbed", pair.trials, campaign="undisturbed")
    run_worker(job, 0)  # here, so that what is forked from here has all that is imported
    found = facts(job)
    assert len(found) == pair.epochs * len(pair.trials)
    assert all(METRICS_BY_NAME[name].reproducible for row in found.values() for name in row)
    assert {row["train_loss"] for row in found.values()}
    return found


@pytest.mark.parametrize("pair", FEW, ids=str)
def test_all_disturbances_together_change_no_bit(pair, job_of):
    expected = undisturbed(pair, job_of)
    pilot = job_of(pair, "pilot", [], list(reversed(pair.trials)), target_epochs=1)
    assert train(pilot, worker=1, cores=1) == 0
    wave = job_of(pair, "wave", pair.trials)
    if pair.epochs > 1:
        assert train(wave, kill_at=2) == -signal.SIGKILL
    assert train(wave) == 0
    assert facts(pilot, wave) == expected
    assert {record["status"] for record in left(wave).values()} == {"complete"}


def killed(pair: Pair, job_of: JobMaker) -> list[Path]:
    job = job_of(pair, "killed", pair.trials)
    for batch in (3, 8):
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
    environment = {**os.environ, "OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"}
    command = [sys.executable, "-m", "nepsbench", "worker", "run", "--job", str(job)]
    subprocess.run(command, env={**environment, "NEPSBENCH_WORKER": "0"}, check=True)
    return [job]


DISTURBANCES = (killed, spread, reordered, in_waves, on_one_core, with_many_threads)


@pytest.mark.slow
@pytest.mark.parametrize("disturbed", DISTURBANCES)
@pytest.mark.parametrize("pair", [*PAIRS, *(p for p in FEW if p not in PAIRS)], ids=str)
def test_no_disturbance_changes_a_bit(pair, disturbed, job_of):
    expected = undisturbed(pair, job_of)
    assert facts(*disturbed(pair, job_of)) == expected


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
