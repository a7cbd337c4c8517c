from __future__ import annotations

import logging
from pathlib import Path

import pytest

import nepsbench
from nepsbench.campaign.publish import publish_benchmark
from nepsbench.client.table import TableBenchmark
from nepsbench.release import build_release
from nepsbench.spaces import nasbench101
from nepsbench.surrogate import fit
from nepsbench.surrogate.fitting import Boosting
from nepsbench.warehouse import open_warehouse
from nepsbench.warehouse.importing import import_table
from tests.client.adapters.nasbench101_records import (
    INCEPTION,
    SMALL,
    made_up_runs,
    parameters_of,
    publish_records,
)
from tests.tiny_benchmark import configurations, epochs_of, epochs_table, trial, trials_table
from tests.tiny_cells import build_cells
from tests.warehouse.nats_tables import entry, table, write_folder
from tests.warehouse.test_nashpobench2_importer import tables, write


@pytest.fixture(scope="session")
def cells(tmp_path_factory: pytest.TempPathFactory) -> TableBenchmark:
    """All cells of NAS-Bench-201 with made-up curves, two seeds each."""
    return nepsbench.load(build_cells(tmp_path_factory.mktemp("cells")))


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Optimisers write where they run, and much to the log."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SYNETUNE_FOLDER", str(tmp_path / "syne-tune"))
    caplog.set_level(logging.WARNING)


def publish_nats(home: Path, path: Path, space: str = "nasbench201") -> Path:
    """Import NATS-Bench's files and release all four datasets."""
    home.mkdir()
    import_table(open_warehouse(home), "nats", path)
    for dataset in ("cifar10-valid", "cifar10", "cifar100", "ImageNet16-120"):
        publish_benchmark(f"{space}-{dataset}", "1.0.0", home)
    return home


@pytest.fixture(scope="session")
def topology(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A folder in nats-bench's format with a few cells, and a data home with its releases."""
    root = tmp_path_factory.mktemp("tss")
    entries = {number: entry(number) for number in (7, 11, 2024)}
    files = write_folder(root / "NATS-tss-made-up", entries, table(entries))
    return files, publish_nats(root / "home", files)


@pytest.fixture(scope="session")
def small_cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data home with all cells of at most five vertices, and NAS-Bench-101's example."""
    inception = nasbench101.SPACE.index(nasbench101.from_spec(*INCEPTION))
    records = {
        number: (parameters_of(number), made_up_runs(number))
        for number in (*range(SMALL), inception)
    }
    return publish_records(tmp_path_factory.mktemp("nasbench101"), records)


@pytest.fixture(scope="session")
def nashpobench2_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The three files: all trainings of one cell and two of others, and of all that equal them."""
    return write(tmp_path_factory.mktemp("nashpobench2"), tables())


@pytest.fixture(scope="session")
def nashpobench2_home(nashpobench2_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    import_table(open_warehouse(home), "nashpobench2", nashpobench2_files)
    publish_benchmark("nashpobench2-cifar10", "1.0.0", home)
    return home


@pytest.fixture(scope="session")
def jahs_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of 30 trials of 5 epochs; the first configuration is trained twice."""
    home = tmp_path_factory.mktemp("jahs")
    chosen = configurations(30)
    rows = [trial(c, k, epochs=5, target_epochs=5, seed=None) for k, c in enumerate(chosen, 1)]
    rows.append(trial(chosen[0], 31, epochs=5, target_epochs=5, seed=None))
    epochs = [
        {**row, "train_acc": row["valid_acc"] + 1, "latency": 0.25}
        for each in rows
        for row in epochs_of({**each, "seed": each["model_idx"] // 31})
    ]
    trials, curves = trials_table(rows), epochs_table(epochs)
    build_release(
        name="nepsbench101-cifar10", version="1.0.0",
        benchmark_info={"space": "nepsbench101", "dataset": "cifar10", "recipe": "nepsbench101"},
        trials=trials, epochs=curves, card=None, target=home / "releases",
        surrogate=fit(trials, curves, space="nepsbench101", boosting=Boosting(iterations=10)),
    )  # fmt: skip
    return home
