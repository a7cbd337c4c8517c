"""Training a cell of NAS-Bench-101: NASBench-PyTorch's trainer and ours, in the same run."""

from __future__ import annotations

import json
import multiprocessing
import statistics
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stdout
from dataclasses import replace
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

from benchmarks import own_loop
from benchmarks.figure import Figure
from benchmarks.originals import UnavailableError, python_of_originals

#: Images of a step; steps of an epoch.
_BATCH, _STEPS = 64, 2
#: Epochs that warm up, since the first steps get their memory from the system, and that count.
_WARM, _ROUNDS = 2, 9
_RECIPE = "nasbench_pytorch-sgd"


def figures() -> list[Figure]:
    return [
        Figure(
            name="against-nasbench-pytorch",
            title="A step of 64 images of 32x32 on the cell of NASBench-PyTorch's readme: "
            "its trainer on ready tensors, our loop with crop, flip and normalisation, each in one "
            "thread and process, by turns; seconds of CPU, ours over theirs in `inverse speed-up`",
            command=("-m", "benchmarks.bench_nasbench_pytorch"),
            bounds={"inverse speed-up": 1 / 1.7},
            prepare=_prepare,
            runs=1,
        )
    ]


def _prepare(folder: Path) -> None:
    try:
        python = python_of_originals()
    except UnavailableError as error:
        (folder / "skipped").write_text(str(error))
    else:
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        (folder / "packages").write_text(str(python.parents[1] / "lib" / version / "site-packages"))


def compare() -> dict[str, Any]:
    """Return seconds a step of both, by turns; the folder that we are in was prepared."""
    if Path("skipped").exists():
        return {"skipped": Path("skipped").read_text(), "inverse speed-up": 0.0}
    spawn = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(1, mp_context=spawn) as own,
        ProcessPoolExecutor(1, mp_context=spawn) as other,
    ):
        sides = {"ours": own, "theirs": other}
        rounds = [
            {name: process.submit(_seconds, name).result() for name, process in sides.items()}
            for _ in range(_WARM + _ROUNDS)
        ][_WARM:]
        parameters = {
            name: process.submit(_parameters, name).result() for name, process in sides.items()
        }
    print(*(f"{each['theirs'] / each['ours']:.2f}" for each in rounds), file=sys.stderr)
    return {
        "seconds": statistics.median(each["ours"] for each in rounds),
        "theirs: s a step": statistics.median(each["theirs"] for each in rounds),
        "inverse speed-up": statistics.median(each["ours"] / each["theirs"] for each in rounds),
        "parameters": parameters["ours"],
        "theirs: parameters": parameters["theirs"],
    }


def _seconds(side: str) -> float:
    """Return seconds a step of the next epoch of a side, in this process of its own."""
    return next(_side(side)[1])


def _parameters(side: str) -> int:
    """Return the number of parameters of a side's network."""
    return sum(p.numel() for p in _side(side)[0].parameters())


@cache
def _side(name: str) -> tuple[Any, Iterator[float]]:
    """Return the network of a side, and seconds a step of its trainer, epoch by epoch."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    if name == "ours":
        own_loop.enter_exact_arithmetic(_RECIPE)
        return _ours()
    sys.path.append(Path("packages").read_text())  # behind ours: torch is one for both
    return _theirs()


def _theirs() -> tuple[Any, Iterator[float]]:
    import numpy as np
    import torch
    from nasbench_pytorch.model import Network
    from nasbench_pytorch.trainer import train

    from nepsbench.spaces.nasbench101 import to_spec

    matrix, operations = to_spec(_cell())
    network = Network((np.array(matrix), operations))
    batch = (torch.randn(_BATCH, 3, 32, 32), torch.randint(10, (_BATCH,)))

    def epochs() -> Iterator[float]:
        while True:
            start = time.process_time()
            with redirect_stdout(StringIO()):
                train(network, [batch] * _STEPS, optimizer="sgd", num_epochs=1)
            yield (time.process_time() - start) / _STEPS

    return network, epochs()


def _ours() -> tuple[Any, Iterator[float]]:
    import torch

    from nepsbench.datasets.opening import Dataset, SplitTensors
    from nepsbench.datasets.record import DatasetRecord
    from nepsbench.datasets.task import classification
    from nepsbench.training.recipe import get_recipe
    from nepsbench.training.trial_data import prepare_trial_data

    def some(count: int) -> SplitTensors:
        images = torch.randint(256, (count, 3, 32, 32), dtype=torch.uint8)
        return SplitTensors(images, torch.randint(10, (count,)))

    train, valid, test = some(_BATCH * _STEPS), some(1), some(1)
    record = DatasetRecord(
        name="cifar10",
        version="made-up",
        shape=(3, 32, 32),
        task=classification(tuple("0123456789")),
        mean=(0.5,) * 3,
        std=(0.25,) * 3,
        sizes={},
        files={},
    )
    settings = get_recipe(_RECIPE).settings({}, "cifar10")
    settings = replace(settings, batch_size=_BATCH)
    data = prepare_trial_data(Dataset(record, train, valid, test), settings)
    network, seconds = own_loop.train("nasbench101", _cell(), data, seed=0, until=_WARM + _ROUNDS)
    return network, (each / _STEPS for each in seconds)


def _cell() -> dict[str, Any]:
    from nepsbench.spaces.nasbench101 import from_spec

    matrix = [[0] * 7 for _ in range(7)]
    for source, target in [(0, 1), (0, 2), (0, 3), (0, 5), (1, 6), (2, 6), (3, 4), (4, 6), (5, 6)]:
        matrix[source][target] = 1
    operations = [
        "input",
        "conv1x1-bn-relu",
        "conv3x3-bn-relu",
        "conv3x3-bn-relu",
        "conv3x3-bn-relu",
        "maxpool3x3",
        "output",
    ]
    return from_spec(matrix, operations)


if __name__ == "__main__":
    print(json.dumps(compare()))
