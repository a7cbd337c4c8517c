"""A made-up table of the size and the kinds of values of NAS-Bench-101, for measuring.

All 423,624 cells, four horizons, three repeats, evaluated before, half way and after: 5,083,488
trials, 15,250,464 epochs. Accuracies are fractions of the size of their split, times of training
are 32-bit numbers and total times 64-bit ones, as in the published file.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np

from nepsbench.files import sha256_of
from nepsbench.spaces import FiniteSpace, get_space
from nepsbench.warehouse import importers, open_warehouse
from nepsbench.warehouse.importers import Kind, Option, Progress
from nepsbench.warehouse.importers.block import Block
from nepsbench.warehouse.importing import import_table

NAME = "nasbench101-cifar10"
HORIZONS = (4, 12, 36, 108)
REPEATS = 3
_CELLS_A_BLOCK = 20_000


def sources(path: Path, **_: Option) -> list[Path]:
    return [path]


def read(path: Path, *, progress: Progress, **_: Option) -> Iterator[Block]:
    space = get_space("nasbench101")
    assert isinstance(space, FiniteSpace)
    cells = int(path.read_text())
    for start in range(0, cells, _CELLS_A_BLOCK):
        numbers = np.arange(start, min(start + _CELLS_A_BLOCK, cells))
        yield _block(space, numbers, np.random.default_rng(start))
        progress(int(numbers[-1]) + 1, cells)


def _block(space: FiniteSpace, numbers: np.ndarray, rng: np.random.Generator) -> Block:
    each = len(HORIZONS) * REPEATS
    trials = len(numbers) * each
    horizons = np.tile(np.repeat(HORIZONS, REPEATS), len(numbers))
    quality = np.repeat(rng.beta(8, 2, len(numbers)), each)
    reached = np.clip(quality * (1 - 1 / (1 + horizons)) + rng.normal(0, 0.01, trials), 0.1, 0.96)
    seconds = np.float32(horizons * np.repeat(rng.uniform(10, 50, len(numbers)), each))
    accuracy = np.stack([np.full(trials, 0.1), reached * 0.8, reached], axis=1)
    noise = rng.normal(0, 0.003, (3, trials, 3))

    def published(split: int, images: int) -> np.ndarray:
        fraction = np.rint(np.clip(accuracy + noise[split], 0, 1) * images) / images
        return fraction.astype(np.float32).astype(np.float64).ravel() * 100

    runtime = np.stack([np.zeros(trials), np.float32(seconds * 0.5), seconds], axis=1)
    return Block(
        space=space,
        dataset="cifar10",
        recipe="nasbench101",
        numbers=np.repeat(numbers, each),
        repeats=np.tile(np.arange(1, each + 1), len(numbers)),
        codes=np.repeat(space.codes_at(numbers), each, axis=0),
        horizons=horizons,
        trial_of_epoch=np.repeat(np.arange(trials), 3),
        epochs=np.stack([0 * horizons, horizons // 2, horizons], axis=1).ravel(),
        epoch_metrics={
            "train_acc": published(0, 40_000),
            "valid_acc": published(1, 10_000),
            "test_acc": published(2, 10_000),
            "runtime": runtime.ravel().astype(np.float64),
        },
        metrics={
            "params": np.repeat(rng.integers(200_000, 50_000_000, len(numbers)) / 1e6, each),
            "total_time": seconds * rng.uniform(1.05, 1.2, trials),
        },
    )


def import_made_up(home: Path, cells: int) -> None:
    """Import the first ``cells`` cells with made-up values into the warehouse at ``home``."""
    module = ModuleType(f"{importers.__name__}.made_up")
    module.sources, module.read = sources, read  # type: ignore[attr-defined]
    sys.modules[module.__name__] = module
    importers.KINDS["made_up"] = Kind("made_up", "made_up", "a made-up table")
    home.mkdir(parents=True, exist_ok=True)
    asked = home / "made_up.txt"
    asked.write_text(str(cells))
    import_table(open_warehouse(home), "made_up", asked)


def kept(cells: int) -> Path:
    """Return a data home with the made-up table and its release; made once for this version of it.

    It is kept in the user's folder for temporary files, since making it takes minutes.
    """
    import tempfile

    from nepsbench.campaign.publish import publish_benchmark

    version = sha256_of(Path(__file__))[:12]
    home = Path(tempfile.gettempdir()) / f"nepsbench-full-table-{os.getuid()}-{version}-{cells}"
    if not (home / "releases" / NAME / "1.0.0").exists():
        import_made_up(home, cells)
        publish_benchmark(NAME, "1.0.0", home)
    return home
