"""Records of NAS-Bench-101 as its interface holds them, made up, and releases of them.

The original needs TensorFlow 1; what it answers from such records is said here by plain loops.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nepsbench.spaces import nasbench101
from nepsbench.warehouse.importers.block import Block
from tests.client.adapters.blocks import publish_block

#: A cell's runs by schedule: one dictionary a repeat, in the words of ``computed_statistics``.
Runs = Mapping[int, Sequence[Mapping[str, float]]]

#: The cell of its README.
INCEPTION = (
    [[0, 1, 1, 1, 0, 1, 0],
     [0, 0, 0, 0, 0, 0, 1],
     [0, 0, 0, 0, 0, 0, 1],
     [0, 0, 0, 0, 1, 0, 0],
     [0, 0, 0, 0, 0, 0, 1],
     [0, 0, 0, 0, 0, 0, 1],
     [0, 0, 0, 0, 0, 0, 0]],
    ["input", "conv1x1-bn-relu", *["conv3x3-bn-relu"] * 3, "maxpool3x3", "output"],
)  # fmt: skip
#: All cells of at most five vertices come first.
SMALL = 2532

_SPLITS = {"train": "train", "validation": "valid", "test": "test"}


def made_up_runs(number: int, horizons: Sequence[int] = (4, 12, 36, 108)) -> Runs:
    """Return three repeats a schedule; accuracies are float32 numbers, as the published ones."""
    draw = np.random.default_rng(number)
    quality = (number * 7919 % 1000) / 5000

    def run(horizon: int) -> dict[str, float]:
        found = {}
        for name, share in (("halfway", 0.5), ("final", 1.0)):
            found[f"{name}_training_time"] = float(np.float32(horizon * share * draw.uniform(5, 9)))
            for split in _SPLITS:
                accuracy = 0.3 + quality + share / 5 + draw.uniform(0, 0.05)
                found[f"{name}_{split}_accuracy"] = float(np.float32(accuracy))
        return found

    return {horizon: [run(horizon) for _ in range(3)] for horizon in horizons}


def parameters_of(number: int) -> int:
    """Return a made-up number of parameters."""
    return 227_274 + 1_013 * number


def publish_records(home: Path, records: Mapping[int, tuple[int, Runs]]) -> Path:
    """Release records: by cell number the parameters and the runs."""
    space = nasbench101.SPACE
    trials = [
        (number, horizon, parameters, run)
        for number, (parameters, runs) in records.items()
        for horizon, repeats in runs.items()
        for run in repeats
    ]
    numbers = np.array([trial[0] for trial in trials])
    horizons = np.array([trial[1] for trial in trials])
    counts: dict[int, int] = {}
    repeats = []
    for number in numbers.tolist():
        counts[number] = counts.get(number, 0) + 1
        repeats.append(counts[number])
    halves = np.stack([horizons // 2, horizons], axis=1).ravel()

    def values(name: str) -> Any:
        return [trial[3][f"{part}_{name}"] for trial in trials for part in ("halfway", "final")]

    metrics = {
        f"{ours}_acc": np.array([v * 100 for v in values(f"{theirs}_accuracy")])
        for theirs, ours in _SPLITS.items()
    }
    block = Block(
        space=space,
        dataset="cifar10",
        recipe="nasbench101",
        numbers=numbers,
        repeats=np.array(repeats),
        codes=space.codes_at(numbers),
        horizons=horizons,
        metrics={"params": np.array([trial[2] / 1e6 for trial in trials])},
        trial_of_epoch=np.repeat(np.arange(len(trials)), 2),
        epochs=halves,
        epoch_metrics={**metrics, "runtime": np.array(values("training_time"))},
    )
    publish_block(home, block)
    return home
