"""Every space with every recipe that fits it, on a few images, disturbed and undisturbed."""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from training_jobs import Trial

from nepsbench.datasets.examples import Examples, Splits
from nepsbench.datasets.preparation import _store
from nepsbench.datasets.record import DatasetRecord
from nepsbench.datasets.task import Task, classification
from nepsbench.errors import SpecError
from nepsbench.spaces import get_space, nasbench101, nasbench201, nashpobench2, space_names
from nepsbench.spaces.oneshot import CELL_METHODS
from nepsbench.training.interruption import Interruption
from nepsbench.training.readiness import check_ready
from nepsbench.training.recipe import get_recipe, recipe_names
from nepsbench.training.worker import run_worker

EPOCHS = 3
#: Examples of each dataset: for training, and for validation as for test.
TRAINED, EVALUATED = 40, 12
_CLASSES = ("a", "b", "c")

#: A configuration of each space that trains fast and uses what the space has.
_CONFIGURATIONS: dict[str, list[dict[str, Any]]] = {
    "nepsbench101": [
        {"Resolution": 0.5, "TrivialAugment": True, "Op1": 2, "Op6": 3, "Op4": 4},
        {"Optimizer": "AdamW", "LearningRate": 0.01, "Activation": "Mish", "Op1": 2},
    ],
    "nasbench101": [
        nasbench101.from_spec(
            [[0, 1, 1, 0], [0, 0, 1, 1], [0, 0, 0, 1], [0, 0, 0, 0]],
            ["input", "conv1x1-bn-relu", "maxpool3x3", "output"],
        ),
        nasbench101.from_spec([[0, 1], [0, 0]], ["input", "output"]),
    ],
    "nasbench201": [nasbench201.parse("213014"), nasbench201.parse("300000")],
    "nats_size": [{}],
    "nashpobench2": [
        nashpobench2.from_cellcode("0|12|301", learning_rate=0.05, batch_size=16),
        nashpobench2.from_cellcode("2|33|230", learning_rate=0.4, batch_size=32),
    ],
    "nasbench360_backbone": [{"Dropout": 0.3}, {"Momentum": 0.0, "Dropout": 0.6}],
    "oneshot_nasbench201": [
        {"Method": method, "Width": 4, "Depth": 1, "ArchitectureRate": 0.02}
        for method in CELL_METHODS
    ],
    "darts": [{"Width": 4, "Depth": 3, "normal_0_op_x": "max_pool_3x3"}],
    "densenas": [{"Width": 0.125, "block_5": 1}],
    "autodeeplab": [{"Width": 2, "Depth": 2, "move_1": 1}],
    "amber": [{"Width": 4, "layer_3": "max_pool_4", "skip_0_4": True}],
    "perceiver_io": [{"Latents": 8, "Width": 16, "Layers": 3, "SelfAttention": 1, "Dropout": 0.2}],
    "xgboost": [{"Eta": 0.5, "Subsample": 0.5}, {"MaxDepth": 2}],
    "expert_densenet_bc": [{"Growth": 4, "Depth": 16}],
    "expert_s2cnn": [{"Width": 5}],
    "expert_fno": [{"Width": 8, "Modes": 4}],
    "expert_deepcon": [{"Width": 4, "Depth": 4}],
    "expert_deepcr": [{"Width": 4}],
    "expert_emg_attention": [{"Width": 0.125}],
    "expert_vgg": [{"Width": 0.125}],
    "expert_resnet1d": [{"Width": 0.125, "Depth": 4}],
    "expert_rocket": [{"Kernels": 100}],
    "expert_deepsea": [{"Width": 0.125}],
    "oneshot_darts": [{"Width": 8, "Depth": 2}],
    "oneshot_densenas": [
        {"Method": method, "Width": 0.125, "Depth": 1} for method in ("densenas", "densenas_random")
    ],
    "oneshot_autodeeplab": [{"Width": 2, "Depth": 2}],
    "oneshot_amber": [{"Width": 4}],
}


@dataclass(frozen=True)
class Pair:
    """A space and a recipe, and a dataset that it is for."""

    space: str
    recipe: str
    dataset: str = "few"

    def __str__(self) -> str:
        where = "" if self.dataset == "few" else f" on {self.dataset}"
        return f"{self.space} by {self.recipe}{where}"

    @property
    def trials(self) -> list[Trial]:
        """One trial of each configuration."""
        space = get_space(self.space)
        return [
            {
                "taskid": 0,
                "model_idx": k,
                "seed": 10 + k,
                "configuration": {**space.defaults, **changes},
            }
            for k, changes in enumerate(_CONFIGURATIONS[self.space], start=1)
        ]

    @property
    def epochs(self) -> int:
        """Epochs to train; the recipe may have fewer than asked for here."""
        return min(EPOCHS, get_recipe(self.recipe).horizon)

    @property
    def batches(self) -> int:
        """Batches of an epoch of the first trial, training and both evaluations."""
        configuration = self.trials[0]["configuration"]
        size = get_recipe(self.recipe).settings(configuration, self.dataset).batch_size
        return sum(-(-count // size) for count in (TRAINED, EVALUATED, EVALUATED))

    def job(self) -> dict[str, Any]:
        """Return what ``job.json`` says of it."""
        return {
            "benchmark": f"{self.space}-{self.dataset}",
            "space": self.space,
            "dataset": self.dataset,
            "recipe": self.recipe,
            "target_epochs": self.epochs,
        }


def all_pairs() -> list[Pair]:
    """Return every space with every recipe that the platform takes for it, on a few examples."""
    with tempfile.TemporaryDirectory() as folder:
        records = store_few(Path(folder))
    pairs = []
    for space, recipe in itertools.product(space_names(), recipe_names()):
        for record in records:
            with contextlib.suppress(SpecError):
                check_ready(get_space(space), recipe, record)
                pairs.append(Pair(space, recipe, record.name))
                break
    return pairs


def store_few(root: Path) -> list[DatasetRecord]:
    """Prepare a few small random images, maps and sequences; return their records.

    Names of real datasets are those that a recipe has other values for.
    """
    random = np.random.default_rng(3)
    classes = classification(_CLASSES)

    def floats(count: int, *shape: int) -> np.ndarray:
        return random.normal(size=(count, *shape)).astype(np.float32)

    def maps(count: int) -> Examples:
        return Examples(floats(count, 3, 6, 6), floats(count, 3, 6, 6))

    def sequences(count: int) -> Examples:
        return Examples(floats(count, 2, 24), random.integers(len(_CLASSES), size=count))

    def some(count: int) -> Examples:
        labels = random.integers(len(_CLASSES), size=count)
        images = random.integers(256, size=(count, 1, 8, 8), dtype=np.uint8)
        return Examples(images // (1 + labels[:, None, None, None]).astype(np.uint8), labels)

    def skies(count: int) -> Examples:
        hits = (random.random((count, 2, 8, 8)) < 0.2).astype(np.uint8)
        return Examples(floats(count, 1, 8, 8), hits, backgrounds=floats(count))

    def sounds(count: int) -> Examples:
        return Examples(floats(count, 1, 8, 8), random.integers(2, size=(count, 5), dtype=np.uint8))

    def long_sequences(count: int) -> Examples:
        labels = (random.random((count, 5)) < 0.3).astype(np.float32)
        return Examples(floats(count, 4, 168), labels)

    hits = Task("masked_binary_cross_entropy", "auroc_error", 1, dense=True)
    sizes = TRAINED, EVALUATED, EVALUATED
    return [
        _store(
            name,
            root,
            Splits(*map(kind, sizes), task, kind="pixels" if kind is some else "numbers"),
        )
        for name, kind, task in (
            ("few", some, classes),
            ("ecg", sequences, classes),
            ("darcy_flow", maps, Task("relative_l2", "rel_l2", outputs=1, dense=True)),
            ("deepsea", long_sequences, Task("binary_cross_entropy", "auroc_error", outputs=5)),
            ("ninapro_db5", some, classes),
            ("cosmic", skies, hits),
            ("fsd50k", sounds, Task("binary_cross_entropy", "map_error", outputs=5)),
        )
    ]


class KillsItself(Interruption):
    """Kills its process, as the kernel does, before a batch of training or evaluation."""

    def __init__(self, batch: int) -> None:
        super().__init__()
        self._left = batch

    def now(self) -> bool:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().now()


def in_a_process(work: Callable[[], Any]) -> int:
    """Do ``work`` in a process of its own, forked from this one; return its exit status."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            torch.set_num_threads(1)  # a forked process has no threads but one
            work()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def train(job: Path, *, worker: int = 0, kill_at: int = 0, cores: int | None = None) -> int:
    """Run a worker in a process of its own; return its exit status.

    Args:
        job: The job's folder.
        worker: The portfolio.
        kill_at: Kill it before that batch, counted from 1; 0 for never.
        cores: On how many of this process's cores; all without.
    """

    def work() -> None:
        if cores is not None:
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
        run_worker(job, worker, KillsItself(kill_at) if kill_at else None)

    return in_a_process(work)


@cache
def _command_runner() -> subprocess.Popen[str]:
    """Return a process, whose environment asks for two threads, that runs each job it reads of."""
    threads = {"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "2", "NEPSBENCH_WORKER": "0"}
    process = subprocess.Popen(
        [sys.executable, "-c", _RUN_COMMANDS],
        env=os.environ | threads,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(process.communicate)  # there is no job more: it ends
    return process


#: What is imported once takes seconds; a job has a process of its own all the same.
_RUN_COMMANDS = """
import os, sys
import nepsbench.training.worker
from nepsbench.cli import main

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        os.dup2(2, 1)
        status = 1
        try:
            sys.argv[1:] = ["worker", "run", "--job", line.strip()]
            main()
            status = 0
        except SystemExit as left:
            status = left.code or 0
        finally:
            os._exit(status)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def run_command_with_many_threads(job: Path) -> int:
    """Do ``nepsbench worker run`` where the environment asks for threads; return its status."""
    process = _command_runner()
    assert process.stdin is not None
    assert process.stdout is not None
    print(job, file=process.stdin, flush=True)
    return int(process.stdout.readline())
