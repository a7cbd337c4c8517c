from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import nni_databases
import pytest

from nepsbench.errors import CorruptedFileError, SpecError
from nepsbench.spaces import cells, nasbench101, nasbench201, nds, nds_notation
from nepsbench.spaces.space import Configuration
from nepsbench.warehouse import Warehouse
from nepsbench.warehouse.importers import nni_database
from nepsbench.warehouse.importing import ImportReport, import_table

Trial = tuple[dict[str, Any], dict[str, Any], dict[int, dict[str, Any]]]


def run(warehouse: Warehouse, path: Path) -> ImportReport:
    return import_table(warehouse, "nni", path, name="nni")


def rows(warehouse: Warehouse, columns: str, order: str = "taskid, model_idx, epoch") -> list[Any]:
    found = warehouse.query(f"SELECT {columns} FROM curves ORDER BY {order}").to_pylist()
    return [tuple(row.values()) for row in found]


def nb101(number: int, epochs: int, low: float, *, final: bool = True) -> Trial:
    """Return a trial as NNI's ``db_gen`` makes it of published fractions and seconds."""
    cell = nasbench101.SPACE.at(number)
    told = {
        "arch": nasbench101.to_nni(cell),
        "num_vertices": len(nasbench101.to_spec(cell)[1]),
        "hash": nasbench101.hash_of(cell),
        "num_epochs": epochs,
    }
    accuracies = {"train_acc": low * 100, "valid_acc": low * 90, "test_acc": low * 80}
    curve = {
        epochs // 2: {**{k: v / 2 for k, v in accuracies.items()}, "training_time": 50.5},
        epochs: {**accuracies, "training_time": 101.25},
    }
    if not final:
        del curve[epochs]
    return told, {**accuracies, "parameters": 2.5, "training_time": 101.25 * 60}, curve


@pytest.fixture
def nb101_file(tmp_path: Path) -> Path:
    trials = [
        nb101(number, epochs, low)
        for number in (423_623, 0)
        for epochs in (4, 108)
        for low in (0.5, 0.25)
    ]
    return nni_databases.write(tmp_path / "nasbench101.db", "nb101", trials)


def test_nasbench101_has_true_seconds_no_seeds_and_both_epochs(
    warehouse: Warehouse, nb101_file: Path
) -> None:
    assert run(warehouse, nb101_file).rows == {"nasbench101-cifar10": 8}
    columns = "taskid, model_idx, horizon, seed, params, epoch, runtime, train_acc, test_acc"
    assert rows(warehouse, columns) == [
        (number, repeat, horizon, None, 2.5, epoch, seconds, low * share, low * share * 0.8)
        for number in (0, 423_623)
        for repeat, (horizon, low) in enumerate(
            [(4, 0.5), (4, 0.25), (108, 0.5), (108, 0.25)], start=1
        )
        for epoch, seconds, share in ((horizon // 2, 50.5, 50), (horizon, 101.25, 100))
    ]


def test_nasbench101_of_nni_is_that_of_the_tfrecords(
    warehouse: Warehouse, shared_data: Path, tmp_path: Path
) -> None:
    """NNI's own arithmetic on the 30 real cells, and the published values as they came."""
    published = json.loads((shared_data / "nasbench101" / "nb101_30.json").read_text())
    trials = [
        _from_nasbench(digest, cell, int(epochs), one)
        for digest, cell in published.items()
        for epochs, several in cell["runs"].items()
        for one in several
    ]
    run(warehouse, nni_databases.write(tmp_path / "real.db", "nb101", trials))
    found = rows(warehouse, "runtime, train_acc / 100, valid_acc / 100, test_acc / 100, epoch")
    expected = [
        (*(one[f"{when}_{name}"] for name in NASBENCH), int(epochs) // part)
        for cell in published.values()
        for epochs, several in cell["runs"].items()
        for one in several
        for when, part in (("halfway", 2), ("final", 1))
    ]
    assert sorted(found) == sorted(expected)


NASBENCH = ("training_time", "train_accuracy", "validation_accuracy", "test_accuracy")


def _from_nasbench(digest: str, cell: dict[str, Any], epochs: int, one: dict[str, float]) -> Trial:
    configuration = nasbench101.from_spec(cell["module_adjacency"], cell["module_operations"])
    told = {
        "arch": nasbench101.to_nni(configuration),
        "num_vertices": len(cell["module_operations"]),
        "hash": digest,
        "num_epochs": epochs,
    }

    def numbers(when: str, factor: int) -> dict[str, float]:
        seconds, train, valid, test = (one[f"{when}_{name}"] for name in NASBENCH)
        return {
            "train_acc": train * 100,
            "valid_acc": valid * 100,
            "test_acc": test * 100,
            "training_time": seconds * factor,
        }

    trial = {**numbers("final", 60), "parameters": cell["trainable_parameters"] / 1e6}
    return told, trial, {epochs // 2: numbers("halfway", 1), epochs: numbers("final", 1)}


def test_a_last_epoch_that_stands_only_in_the_trial_is_kept_without_nnis_factor(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    trial = nb101(7, 108, 0.5, final=False)
    run(warehouse, nni_databases.write(tmp_path / "nasbench101.db", "nb101", [trial]))
    assert rows(warehouse, "epoch, runtime, train_acc") == [(54, 50.5, 25.0), (108, 101.25, 50.0)]


SPLITS = ("train", "valid", "test", "ori_test")
CELL = nasbench201.SPACE.at(11)


def nb201(dataset: str, epochs: int, seed: int, curve: dict[int, dict[str, Any]]) -> Trial:
    told = {
        "arch": cells.to_nni(nasbench201.cell_of(CELL)),
        "num_epochs": epochs,
        "num_channels": 16,
        "num_cells": 5,
        "dataset": dataset,
    }
    last = curve[epochs]
    trial = {
        "seed": seed,
        **last,
        "parameters": 0.5,
        "latency": 0.512,
        "flops": 78.5,
        "training_time": 120.0,
        "valid_evaluation_time": 1.0,
        "test_evaluation_time": 2.0,
        "ori_test_evaluation_time": 3.0,
    }
    return told, trial, curve


def measured(value: float, **changed: Any) -> dict[str, Any]:
    """Return accuracies and losses of the four sets, all different."""
    accuracies = {f"{split}_acc": value + k for k, split in enumerate(SPLITS)}
    losses = {f"{split}_loss": value / 8 + k for k, split in enumerate(SPLITS)}
    return {**accuracies, **losses, **changed}


@pytest.fixture
def nb201_file(tmp_path: Path) -> Path:
    some = {1: measured(10, valid_acc=None, valid_loss=None), 12: measured(40, train_loss=None)}
    trials = [
        nb201("cifar10", 12, 777, some),
        nb201("cifar10-valid", 12, 777, some),
        nb201("imagenet16-120", 200, 888, {200: measured(50)}),
        nb201("imagenet16-120", 200, 777, {200: measured(60)}),
    ]
    return nni_databases.write(tmp_path / "nasbench201.db", "nb201", trials)


def test_of_nasbench201s_cifar10_what_nni_calls_valid_is_left_out(
    warehouse: Warehouse, nb201_file: Path
) -> None:
    run(warehouse, nb201_file)
    columns = "epoch, train_acc, valid_acc, test_acc, ori_test_acc, train_loss, valid_loss"
    cifar10 = warehouse.query(
        f"SELECT {columns} FROM curves WHERE dataset = 'cifar10' ORDER BY epoch"
    ).to_pylist()
    assert [tuple(row.values()) for row in cifar10] == [
        (1, 10.0, None, 12.0, None, 1.25, None),
        (12, 40.0, None, 42.0, None, None, None),
    ]


def test_nasbench201_has_every_dataset_split_seed_and_missing_value(
    warehouse: Warehouse, nb201_file: Path
) -> None:
    report = run(warehouse, nb201_file)
    assert report.rows == {
        "nasbench201-cifar10": 1,
        "nasbench201-cifar10-valid": 1,
        "nasbench201-ImageNet16-120": 2,
    }
    columns = "dataset, seed, model_idx, horizon, epoch, valid_acc, test_acc, ori_test_acc"
    assert rows(warehouse, columns, "dataset, model_idx, epoch") == [
        ("ImageNet16-120", 888, 1, 200, 200, 51.0, 52.0, 53.0),
        ("ImageNet16-120", 777, 2, 200, 200, 61.0, 62.0, 63.0),
        ("cifar10", 777, 1, 12, 1, None, 12.0, None),
        ("cifar10", 777, 1, 12, 12, None, 42.0, None),
        ("cifar10-valid", 777, 1, 12, 1, None, 12.0, None),
        ("cifar10-valid", 777, 1, 12, 12, 41.0, 42.0, None),
    ]


def test_nasbench201_has_units_and_what_only_the_trial_tells(
    warehouse: Warehouse, nb201_file: Path
) -> None:
    run(warehouse, nb201_file)
    columns = (
        "taskid, params, flops, total_train_duration, latency, valid_duration, test_duration, "
        "ori_test_duration"
    )
    found = warehouse.query(
        f"SELECT {columns} FROM curves WHERE dataset LIKE 'cifar10%' ORDER BY dataset, epoch"
    ).to_pylist()
    assert [tuple(row.values()) for row in found] == [
        (11, 0.5, 78.5, 120.0, None, None, None, None),
        (11, 0.5, 78.5, 120.0, 0.002, None, 2.0, None),
        (11, 0.5, 78.5, 120.0, None, None, None, None),
        (11, 0.5, 78.5, 120.0, 0.002, 1.0, 2.0, None),
    ]


def stages(**changed: Any) -> tuple[str, Configuration]:
    return "residual_basic", {**nds.RESIDUAL_BASIC.defaults, **changed}


def nds_trial(
    family: str, configuration: Configuration, seed: int, curve: dict[int, dict[str, Any]]
) -> Trial:
    told = {
        **nds_notation.to_nni(nds.space_of(family), configuration),
        "num_epochs": max(curve),
    }
    last = curve[max(curve)]
    trial = {"seed": seed, "parameters": 1.5, "flops": 80.25, "iter_time": 0.125}
    trial |= {f"{which}_{name}": last[name] for which in ("final", "best") for name in last}
    return told, trial, curve


def nds_curve(epochs: int, value: float) -> dict[int, dict[str, Any]]:
    return {
        epoch: {
            "train_loss": None if epoch == 2 else value / 4,
            "train_acc": value + epoch,
            "test_acc": value - epoch,
        }
        for epoch in range(1, epochs + 1)
    }


def test_nds_fills_a_benchmark_a_family_and_dataset(warehouse: Warehouse, tmp_path: Path) -> None:
    other = {**nds.RESIDUAL_BASIC.defaults, "stem": "imagenet"}
    trials = [
        nds_trial(*stages(), 1, nds_curve(3, 50)),
        nds_trial("nas_cell", {**nds.NAS_CELL.defaults}, 1, nds_curve(2, 60)),
        nds_trial(*stages(base_lr=0.05), 1, nds_curve(3, 70)),
        nds_trial(*stages(), 2, nds_curve(3, 80)),
        nds_trial("residual_basic", other, 1, nds_curve(2, 40)),
    ]
    report = run(warehouse, nni_databases.write(tmp_path / "nds.db", "nds", trials))
    assert report.rows == {
        "nds_nas_cell-cifar10": 1,
        "nds_residual_basic-cifar10": 3,
        "nds_residual_basic-imagenet": 1,
    }
    found = warehouse.query(
        "SELECT taskid, model_idx, seed, horizon, epoch, train_loss, train_acc, test_acc, "
        "iter_time, params, flops, base_lr, width_1 FROM curves "
        "WHERE benchmark = 'nds_residual_basic-cifar10' ORDER BY taskid, model_idx, epoch"
    ).to_pylist()
    lr, width = nds.RESIDUAL_BASIC.defaults["base_lr"], nds.RESIDUAL_BASIC.defaults["width_1"]
    assert [tuple(row.values()) for row in found] == [
        (
            number, repeat, seed, 3, epoch, None if epoch == 2 else value / 4, value + epoch,
            value - epoch, 0.125, 1.5, 80.25, rate, width,
        )
        for number, repeat, seed, value, rate in (
            (0, 1, 1, 50, lr), (0, 2, 2, 80, lr), (1, 1, 1, 70, 0.05),
        )
        for epoch in (1, 2, 3)
    ]  # fmt: skip


def test_trials_read_one_by_one_are_the_same(
    warehouse: Warehouse, nb101_file: Path, nb201_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file in (nb101_file, nb201_file):
        run(warehouse, file)
        order = "benchmark, taskid, model_idx, epoch"
        before = rows(warehouse, "*", order)
        warehouse.drop("nni")
        with monkeypatch.context() as patch:
            patch.setattr(nni_database, "_TRIALS", 1)
            run(warehouse, file)
        assert rows(warehouse, "*", order) == before
        warehouse.drop("nni")


def test_nlp_is_refused_with_its_reason(warehouse: Warehouse, tmp_path: Path) -> None:
    path = nni_databases.write(
        tmp_path / "nlp.db", "nlp", [({"arch": {}, "dataset": "ptb"}, {}, {})]
    )
    with pytest.raises(
        SpecError, match=r"nlp\.db is not imported: an architecture in it is a reci"
    ):
        run(warehouse, path)


def test_content_that_is_no_table_of_nnis_is_told(warehouse: Warehouse, tmp_path: Path) -> None:
    path = tmp_path / "nasbench101.db"
    with pytest.raises(SpecError, match=r"no file; give nasbench101\.db"):
        run(warehouse, path)
    path.write_bytes(b"some text")
    with pytest.raises(CorruptedFileError, match=r"nasbench101\.db: no SQLite database"):
        run(warehouse, path)
    path.unlink()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE other (id)")
    with pytest.raises(SpecError, match="holds no table of NNI's"):
        run(warehouse, path)


def change(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("DROP TABLE nb101trialstats", "not as NNI published it: no such table: nb101trialstats"),
        ("ALTER TABLE nb101trialstats DROP COLUMN test_acc", "no such column: trial.test_acc"),
        ("DELETE FROM nb101trialconfig WHERE id = 2", "trial 3: its configuration is not there"),
        ("DELETE FROM nb101trialstats WHERE id = 2", "epochs of trial 2, which is not there"),
        ("UPDATE nb101trialconfig SET hash = 'x' WHERE id = 1", "trial 1: the hash 'x' is not"),
        ("UPDATE nb101trialconfig SET arch = '{' WHERE id = 1", "trial 1: no cell of NAS"),
        ("UPDATE nb101trialconfig SET arch = '[]' WHERE id = 1", "trial 1: no cell of NAS"),
        ("UPDATE nb101trialconfig SET num_epochs = 'x' WHERE id = 1", "num_epochs is 'x'"),
        ("UPDATE nb101trialstats SET test_acc = 'x' WHERE id = 1", "test_acc is 'x', which is no"),
        ("UPDATE nb101intermediatestats SET current_epoch = 1.5", "current_epoch is no whole"),
    ],
)  # fmt: skip
def test_a_database_that_is_not_as_published_is_refused_by_name(
    warehouse: Warehouse, nb101_file: Path, statement: str, words: str
) -> None:
    change(nb101_file, statement)
    with pytest.raises(CorruptedFileError, match=f"nasbench101.db: .*{words}") as caught:
        run(warehouse, nb101_file)
    assert "\n" not in str(caught.value)
    assert warehouse.commit.number == 0
    assert not list(warehouse.home.rglob("*.parquet"))


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE nb201trialconfig SET dataset = 'svhn' WHERE id = 1", "has no dataset 'svhn'"),
        ("UPDATE nb201trialconfig SET num_cells = 3 WHERE id = 1", r"\(16, 3\) channels and cells"),
        ("UPDATE nb201trialconfig SET arch = '{}' WHERE id = 1", "no cell of NAS"),
        ("UPDATE nb201trialstats SET seed = 0.5 WHERE id = 1", "seed is 0.5"),
    ],
)
def test_a_strange_trial_of_nasbench201_is_refused_by_its_id(
    warehouse: Warehouse, nb201_file: Path, statement: str, words: str
) -> None:
    change(nb201_file, statement)
    with pytest.raises(CorruptedFileError, match=f"nasbench201.db: trial 1: .*{words}"):
        run(warehouse, nb201_file)


def test_a_file_that_is_cut_off_or_overwritten_is_refused(
    warehouse: Warehouse, nb101_file: Path
) -> None:
    content = nb101_file.read_bytes()
    nb101_file.write_bytes(content[:-100])
    words = rf"nasbench101.db: ends at byte {len(content) - 100}, its header says {len(content)}"
    with pytest.raises(CorruptedFileError, match=words):
        run(warehouse, nb101_file)
    nb101_file.write_bytes(content[:4096] + b"\x55" * 4096 + content[8192:])
    with pytest.raises(
        CorruptedFileError, match=r"nasbench101\.db: (damaged|not as NNI published)"
    ):
        run(warehouse, nb101_file)
    assert warehouse.commit.number == 0
