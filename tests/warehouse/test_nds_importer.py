from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nepsbench
from nepsbench.campaign.publish import publish_benchmark
from nepsbench.errors import CorruptedFileError, SpecError
from nepsbench.spaces import get_space
from nepsbench.spaces.nds_notation import to_nni
from nepsbench.warehouse import Warehouse
from nepsbench.warehouse.importing import ImportReport, import_table
from tests.spaces.nds_published import CELL_SPEC

pytestmark = pytest.mark.whole

GENOTYPE = {
    cell: [
        [CELL_SPEC[f"{cell}_{node}_op_{side}"], CELL_SPEC[f"{cell}_{node}_input_{side}"]]
        for node in range(5)
        for side in "xy"
    ]
    for cell in ("normal", "reduce")
} | {f"{cell}_concat": CELL_SPEC[f"{cell}_concat"] for cell in ("normal", "reduce")}
CELL = {"genotype": GENOTYPE, "depth": 12, "width": 32, "aux": False, "drop_prob": 0.0}
RESNET = {
    "block_type": "res_basic_block", "ds": [1, 12, 12, 12], "ss": [1, 1, 2, 2],
    "ws": [16, 24, 24, 40], "bot_muls": [], "num_gs": [],
}  # fmt: skip


def entry(net: dict[str, Any], seed: int, **changes: Any) -> dict[str, Any]:
    """Return an entry of a sweep with all keys that published ones have."""
    return {
        "job_id": f"job-{seed}",
        "rng_seed": seed,
        "net": net,
        "optim": {"base_lr": 0.1, "wd": 0.0005, "max_ep": 3, "lr_policy": "cos"},
        "params": 594138,
        "flops": 184519578,
        "act_mem": 1,
        "exp_mem": 1,
        "prec_time": {"train_fw_bw": 0.01},
        "iter_time": 0.028,
        "train_ep_loss": [2.5, math.nan, 0.5],
        "train_ep_top1": [90.0, 50.5, 25.0],
        "test_ep_top1": [90.0, 60.0, 30.25],
        "train_it_loss": [[3.0, 2.0]] * 3,
        "train_it_top1": [[95.0, 85.0]] * 3,
        "min_test_top1": 30.25,
    } | changes


def sweeps(folder: Path, **files: Any) -> Path:
    """Write sweeps by name, with - for _x_ in it."""
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / f"{name.replace('_x_', '-')}.json").write_text(json.dumps(content))
    return folder


@pytest.fixture
def published(tmp_path: Path) -> Path:
    tuned = {"base_lr": 0.0123, "wd": 1e-4, "max_ep": 3}
    return sweeps(
        tmp_path / "data",
        Amoeba=[entry(CELL, 1), entry(CELL | {"width": 16}, 1)],
        Amoeba_in=[entry(CELL, 1, params=4190314)],
        ResNet=[entry(RESNET, 1)],
        ResNet_rng2=[entry(RESNET, 2)],
        ResNet_reruns={"top": [entry(RESNET, 3)], "mid": [entry(RESNET, 4)]},
        ResNet_lr_x_wd=[entry(RESNET, 1, optim=tuned)],
    )


def imported(warehouse: Warehouse, path: Path) -> ImportReport:
    return import_table(warehouse, "nds", path, name="nds")


def test_a_folder_of_sweeps_fills_a_benchmark_a_family_and_dataset(
    warehouse: Warehouse, published: Path
) -> None:
    told: list[tuple[int, int]] = []
    report = import_table(
        warehouse, "nds", published, name="nds", progress=lambda *how_far: told.append(how_far)
    )
    assert report.rows == {
        "nds_nas_cell-cifar10": 2, "nds_nas_cell-imagenet": 1, "nds_residual_basic-cifar10": 5,
    }  # fmt: skip
    assert told[-1][0] == told[-1][1] == sum(f.stat().st_size for f in published.iterdir())
    assert {entry.profile for entry in warehouse.commit.files} == {
        "nds.nas_cell-cifar10", "nds.nas_cell-imagenet", "nds.residual_basic-cifar10",
    }  # fmt: skip
    assert warehouse.check().findings == ()


def test_errors_become_accuracies_by_epoch_and_counts_become_millions(
    warehouse: Warehouse, published: Path
) -> None:
    imported(warehouse, published)
    rows = warehouse.query(
        "SELECT epoch, train_loss, train_acc, test_acc, params, flops, iter_time, horizon, seed "
        "FROM curves WHERE benchmark = 'nds_nas_cell-imagenet' ORDER BY epoch"
    ).to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        (1, 2.5, 10.0, 10.0, 4.190314, 184.519578, 0.028, 3, 1),
        (2, None, 49.5, 40.0, 4.190314, 184.519578, 0.028, 3, 1),
        (3, 0.5, 75.0, 69.75, 4.190314, 184.519578, 0.028, 3, 1),
    ]


def test_reruns_with_other_seeds_are_trials_of_one_configuration(
    warehouse: Warehouse, published: Path
) -> None:
    imported(warehouse, published)
    rows = warehouse.query(
        "SELECT taskid, model_idx, seed, generator, proposer, base_lr FROM trials "
        "WHERE benchmark = 'nds_residual_basic-cifar10' ORDER BY taskid, model_idx"
    ).to_pylist()
    assert [tuple(row.values())[:4] for row in rows] == [
        (0, 1, 1, "random"),
        (0, 2, 3, "random"),
        (0, 3, 4, "random"),
        (0, 4, 2, "random"),
        (1, 1, 1, "tune_lr_wd"),
    ]
    assert [row["base_lr"] for row in rows] == [0.1, 0.1, 0.1, 0.1, 0.0123]
    assert {row["proposer"] for row in rows} == {"resnet"}


def test_a_release_of_it_answers_by_configuration(warehouse: Warehouse, published: Path) -> None:
    imported(warehouse, published)
    bench = nepsbench.load(publish_benchmark("nds_nas_cell-cifar10", "1.0.0", warehouse.home))
    space = get_space("nds_nas_cell")
    [row] = warehouse.query("FROM trials WHERE width = 16").to_pylist()
    configuration = {name: row[name] for name in space.names}
    assert to_nni(space, configuration)["cell_spec"] == CELL_SPEC
    answer = bench(configuration, 3, seed=1)
    assert answer["test_acc"] == 69.75
    assert answer["iter_time"] == 0.028


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"net": CELL | {"width": 17}}, "width=17 is not a choice"),
        ({"net": {"block_type": "plain"}}, "unknown block type 'plain'"),
        ({"optim": {"base_lr": 0.1, "wd": 0.0005}}, "lacks 'max_ep'"),
        ({"test_ep_top1": [1.0]}, "test_ep_top1 has the shape (1,) in a training of 3 epochs"),
        ({"test_ep_top1": [1.0, "x", 2.0]}, "could not convert string to float: 'x'"),
        ({"rng_seed": None}, "int() argument must be"),
    ],
)
def test_an_entry_that_is_not_as_published_is_named_by_its_place(
    warehouse: Warehouse, tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    good = entry(CELL, 1)
    folder = sweeps(tmp_path / "data", Amoeba=[good, good | change])
    with pytest.raises(CorruptedFileError) as caught:
        imported(warehouse, folder)
    place = len(json.dumps([good])) + 1
    assert f"Amoeba.json: the entry at character {place} is not as published: " in str(caught.value)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert warehouse.commit.number == 0


def test_a_sweep_that_is_cut_off_leaves_nothing(warehouse: Warehouse, published: Path) -> None:
    path = published / "ResNet_rng2.json"
    path.write_text(path.read_text()[:-200])
    with pytest.raises(CorruptedFileError, match=r"ResNet_rng2\.json: is no JSON, or is cut off"):
        imported(warehouse, published)
    assert warehouse.commit.number == 0
    assert imported(warehouse, published / "ResNet.json").rows == {"nds_residual_basic-cifar10": 1}


def test_a_folder_without_sweeps_is_refused(warehouse: Warehouse, tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text("[]")
    with pytest.raises(SpecError, match="no sweep of NDS; give a folder of them or one"):
        imported(warehouse, tmp_path)


def test_memory_does_not_grow_with_the_sweep(tmp_path: Path) -> None:
    import tracemalloc

    from nepsbench.warehouse.importers import nds

    text = json.dumps(entry(CELL, 1, train_it_loss=[list(np.arange(2000.0))] * 3))
    path = tmp_path / "Amoeba.json"
    path.write_text(f"[{', '.join([text] * 600)}]")
    tracemalloc.start()
    blocks = sum(len(block) for block in nds.read(path, progress=lambda _done, _total: None))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert blocks == 600
    assert peak < path.stat().st_size / 2
