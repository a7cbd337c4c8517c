"""NAS-HPO-Bench-II's three files, and its own interface on them."""

from __future__ import annotations

import pickle
import random
from pathlib import Path
from typing import Any

import pytest

from nepsbench.errors import CorruptedFileError, SpecError
from nepsbench.spaces import nashpobench2
from nepsbench.warehouse import Warehouse
from nepsbench.warehouse.importing import import_table
from tests.client.adapters.libraries import library

SEEDS = (222, 555, 888)
CODES = tuple(
    nashpobench2.to_cellcode(nashpobench2.from_indices(cell, 0, 0))
    for cell in range(nashpobench2.CELLS)
)
#: Codes with results; some have the same hash. The first has all trainings.
TRAINED = ("0|00|000", "0|01|003", "3|33|333")


def hash_of(code: str) -> str:
    """Return a hash of few digits, so that many cells share one."""
    return f"h{sum(map(int, code.replace('|', ''))):02d}{code[0]}"


def tables() -> dict[str, Any]:
    """Return the contents of the three files."""
    draw = random.Random(7)
    trainings = [(lr, size) for lr in nashpobench2.LEARNING_RATES
                 for size in nashpobench2.BATCH_SIZES]  # fmt: skip
    keys = [
        (hash_of(code), lr, size, seed)
        for code in TRAINED
        for lr, size in (trainings if code == TRAINED[0] else trainings[5:7])
        for seed in SEEDS
    ]
    names = [f"{split}_{name}_{epoch}" for split in ("train", "valid", "test")
             for name in ("acc", "time") for epoch in range(12)]  # fmt: skip
    names += ["total_train_time", "total_trainval_time", "total_test_time"]
    bench = {name: {key: round(draw.random() * 100, 3) for key in keys} for name in names}
    for place, name in enumerate(("lr", "batch_size", "seed"), start=1):
        bench[name] = {key: key[place] for key in keys}
    del bench["test_acc_11"][keys[-1]]
    averages = {"avg_acc": {key[:3]: draw.random() * 100 for key in keys}}
    return {
        "bench12.pkl": bench,
        "cellinfo.pkl": {"hash": {code: hash_of(code) for code in CODES}},
        "avgaccs200.pkl": averages,
    }


def write(path: Path, contents: dict[str, Any]) -> Path:
    path.mkdir(exist_ok=True)
    for name, content in contents.items():
        (path / name).write_bytes(pickle.dumps(content))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "nashpobench2", tables())


def one(warehouse: Warehouse, query: str) -> Any:
    (row,) = warehouse.query(query).to_pylist()
    return next(iter(row.values())) if len(row) == 1 else row


def test_every_code_answers_and_a_training_counts_once(warehouse: Warehouse, folder: Path) -> None:
    report = import_table(warehouse, "nashpobench2", folder)
    sharing = [sum(hash_of(code) == hash_of(each) for code in CODES) for each in TRAINED]
    trainings = [48, 2, 2]
    configurations = sum(a * b for a, b in zip(sharing, trainings, strict=True))
    assert report.rows == {"nashpobench2-cifar10": 4 * configurations}
    own = "profile = 'nashpobench2.cifar10'"
    assert one(warehouse, f"SELECT count(*) FROM trials WHERE {own}") == 4 * sum(trainings)
    assert one(warehouse, f"SELECT count(*) FROM trials WHERE {own} AND horizon = 12") == 3 * 52
    assert one(warehouse, "SELECT count(DISTINCT taskid) FROM trials") == configurations
    assert not import_table(warehouse, "nashpobench2", folder).changed


def test_values_stand_under_their_configuration_seed_and_epoch(
    warehouse: Warehouse, folder: Path
) -> None:
    import_table(warehouse, "nashpobench2", folder)
    published = tables()
    assert hash_of("0|02|002") == hash_of("0|01|003") != hash_of("1|00|003")
    for code in ("0|01|003", "0|02|002", "1|00|003"):
        key = {"cellcode": code, "lr": 0.003125, "batch_size": 512}
        number = nashpobench2.SPACE.index(nashpobench2.from_key(key))
        rows = warehouse.query(
            f"SELECT * FROM curves WHERE taskid = {number} ORDER BY horizon, seed, epoch"
        ).to_pylist()
        if hash_of(code) not in map(hash_of, TRAINED):
            assert not rows
            continue
        assert [row["epoch"] for row in rows] == [*range(1, 13)] * 3 + [200]
        for row in rows[:-1]:
            place = (hash_of(code), 0.003125, 512, row["seed"])
            for split in ("train", "valid", "test"):
                for ours, theirs in (("acc", "acc"), ("duration", "time")):
                    column = published["bench12.pkl"][f"{split}_{theirs}_{row['epoch'] - 1}"]
                    assert row[f"{split}_{ours}"] == column.get(place)
        assert rows[-1]["seed"] is None
        average = published["avgaccs200.pkl"]["avg_acc"]
        assert rows[-1]["test_acc"] == average[hash_of(code), 0.003125, 512]


def test_the_projects_own_interface_returns_the_same(warehouse: Warehouse, folder: Path) -> None:
    """Every accuracy and every cost, bit for bit."""
    nashpobench2api = library("nashpobench2api")
    import_table(warehouse, "nashpobench2", folder)
    api = nashpobench2api.NASHPOBench2API(str(folder), verbose=False)
    compared = 0
    for code in (TRAINED[0], "0|02|002"):
        for lr, size in ((0.003125, 512), (0.00625, 16)):
            key = {"cellcode": code, "lr": lr, "batch_size": size}
            number = nashpobench2.SPACE.index(nashpobench2.from_key(key))
            (average,) = warehouse.query(
                f"SELECT test_acc FROM curves WHERE taskid = {number} AND horizon = 200"
            ).to_pylist()
            assert api.query_by_key(**key, epoch=200) == (average["test_acc"], None)
            for seed in SEEDS:
                where = f"WHERE taskid = {number} AND horizon = 12 AND seed = {seed}"
                (trial,) = warehouse.query(f"SELECT * FROM trials {where}").to_pylist()
                curve = warehouse.query(f"SELECT * FROM curves {where} ORDER BY epoch").to_pylist()
                for mode in ("train", "valid", "test"):
                    for epoch in range(1, 13):
                        theirs = api.query_by_key(**key, mode=mode, iepoch=epoch, seed=seed)
                        row = curve[epoch - 1]
                        assert theirs == (row[f"{mode}_acc"], cost(trial, curve, mode, epoch))
                        compared += 1
    assert compared == 2 * 2 * 3 * 3 * 12


def cost(trial: dict[str, Any], curve: list[dict[str, Any]], mode: str, epoch: int) -> float:
    """Return what the interface charges."""
    if epoch == 12:
        return {
            "train": trial["total_train_duration"],
            "valid": trial["total_train_valid_duration"],
            "test": trial["total_train_valid_duration"] + trial["total_test_duration"],
        }[mode]
    splits = ("train", "valid", "test")[: ("train", "valid", "test").index(mode) + 1]
    return sum([row[f"{split}_duration"] for split in splits for row in curve[:epoch]])


class Evil:
    def __reduce__(self) -> Any:
        return (eval, ("open('evil', 'w')",))


def alter(name: str, change: Any) -> Any:
    def apply(contents: dict[str, Any]) -> None:
        change(contents[name])

    return apply


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (alter("bench12.pkl", lambda t: t.pop("test_acc_7")), "KeyError 'test_acc_7'"),
        (alter("bench12.pkl", lambda t: t.update(lr=Evil())), "bench12.pkl: .*asks for builtins"),
        (alter("cellinfo.pkl", lambda t: t["hash"].pop("0|00|000")), "tells of 4095 of 4096"),
        (alter("cellinfo.pkl", lambda t: t["hash"].update({"4|00|000": "h"})), "4|00|000"),
        (alter("cellinfo.pkl", lambda t: t.clear()), "KeyError 'hash'"),
        (
            alter("bench12.pkl", lambda t: t["train_acc_0"].update({("h", 0.3, 16, 222): 1.0})),
            r"key \('h', 0.3, 16, 222\)",
        ),
        (
            alter("bench12.pkl", lambda t: t["train_acc_0"].update({("h", 0.1, 16, 222): "x"})),
            "could not convert",
        ),
        (alter("avgaccs200.pkl", lambda t: t.update(avg_acc=3)), "avgaccs200|not as published"),
    ],
)
def test_files_that_are_not_as_published_are_refused(
    warehouse: Warehouse, tmp_path: Path, change: Any, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    contents = tables()
    change(contents)
    folder = write(tmp_path / "nashpobench2", contents)
    with pytest.raises(CorruptedFileError, match=message):
        import_table(warehouse, "nashpobench2", folder)
    assert not warehouse.commit.imports
    assert not Path("evil").exists()


def test_a_cut_off_file_is_refused_by_name_and_place(warehouse: Warehouse, folder: Path) -> None:
    path = folder / "bench12.pkl"
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(CorruptedFileError, match=r"bench12\.pkl: .* after byte \d+"):
        import_table(warehouse, "nashpobench2", folder)


def test_a_folder_without_a_file_is_refused(warehouse: Warehouse, folder: Path) -> None:
    (folder / "cellinfo.pkl").unlink()
    with pytest.raises(SpecError, match=r"no cellinfo\.pkl; give the folder"):
        import_table(warehouse, "nashpobench2", folder)
