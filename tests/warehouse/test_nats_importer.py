"""NATS-Bench, NAS-Bench-201 and NAS-Bench-360: the same records in folders and in single files."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from nats_tables import (
    SIZE,
    entry,
    table,
    write_folder,
    write_pickle,
)

from nepsbench.errors import ConflictError, CorruptedFileError, SpecError
from nepsbench.spaces import nats_size
from nepsbench.warehouse import Warehouse
from nepsbench.warehouse.importers import get_importer, processes
from nepsbench.warehouse.importers.block import Block
from nepsbench.warehouse.importing import import_table

pytestmark = pytest.mark.whole

NUMBERS = (0, 11, 300)


@pytest.fixture(scope="module")
def entries() -> dict[int, Any]:
    return {number: entry(number) for number in NUMBERS}


@pytest.fixture(scope="module")
def whole(entries: dict[int, Any]) -> dict[str, Any]:
    return table(entries)


@pytest.fixture(scope="module")
def folder(
    tmp_path_factory: pytest.TempPathFactory, entries: dict[int, Any], whole: dict[str, Any]
) -> Path:
    return write_folder(tmp_path_factory.mktemp("nats") / "NATS-tss-simple", entries, whole)


def read(kind: str, path: Path) -> dict[str, Block]:
    """Return the blocks of a table, which are one a benchmark."""
    blocks = list(get_importer(kind).read(path, progress=lambda _done, _total: None))
    by_name = {block.benchmark: block for block in blocks}
    assert len(by_name) == len(blocks)
    return by_name


def values(blocks: dict[str, Block]) -> dict[str, Any]:
    """Return all that blocks hold, trials by their seed and horizon."""
    found: dict[str, Any] = {}
    for name, block in blocks.items():
        assert block.seeds is not None
        trials = list(zip(block.numbers, block.horizons, block.seeds, strict=True))
        for metric, column in block.metrics.items():
            found |= {
                (name, *trial, metric): value for trial, value in zip(trials, column, strict=True)
            }
        for metric, column in block.epoch_metrics.items():
            for row, epoch, value in zip(
                block.trial_of_epoch, block.epochs, column.tolist(), strict=True
            ):
                if value == value:  # NaN is missing
                    found[(name, *trials[row], metric, epoch)] = value
    return found


def expected(entries: dict[int, Any], names: dict[str, int]) -> dict[str, Any]:
    """Return the same from the published records, by plain code."""
    splits = {
        "cifar10-valid": {"x-valid": "valid", "ori-test": "test"},
        "cifar10": {"ori-test": "test"},
        "cifar100": {"x-valid": "valid", "x-test": "test", "ori-test": "ori_test"},
    }
    splits["ImageNet16-120"] = splits["cifar100"]
    found: dict[str, Any] = {}
    for number, states in entries.items():
        for hp, state in states.items():
            for (dataset, seed), record in state["all_results"].items():
                trial = (f"nasbench201-{dataset}", number, names[hp], seed)
                found[(*trial, "params")] = record["params"]
                found[(*trial, "flops")] = record["flop"]
                found[(*trial, "latency", names[hp])] = np.mean(record["latency"]) / 256
                for key, name in (
                    ("acc1es", "acc"), ("acc5es", "acc5"), ("losses", "loss"), ("times", "duration")
                ):  # fmt: skip
                    for epoch, value in (record[f"train_{key}"] or {}).items():
                        found[(*trial, f"train_{name}", epoch + 1)] = value
                    for place, value in record.get(f"eval_{key}", {}).items():
                        split, epoch = place.split("@")
                        metric = f"{splits[dataset][split]}_{name}"
                        found[(*trial, metric, int(epoch) + 1)] = value
    return found


HORIZONS = {"12": 12, "200": 200}


def test_every_published_value_is_there_and_no_other(folder: Path, entries: dict[int, Any]) -> None:
    assert values(read("nats", folder)) == pytest.approx(expected(entries, HORIZONS), rel=1e-15)


def test_the_real_fragment_is_read_value_for_value(shared_data: Path) -> None:
    import bz2

    path = shared_data / "nasbench201" / "nats_topology" / "NATS-tss-v1_0-3ffb9-simple"
    published = {
        number: pickle.loads(bz2.decompress((path / f"{number:06d}.pickle.pbz2").read_bytes()))
        for number in (0, 11)
    }
    assert values(read("nats", path)) == expected(published, HORIZONS)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_single_file_gives_what_the_folder_gives(
    folder: Path, whole: dict[str, Any], protocol: int, tmp_path: Path
) -> None:
    single = write_pickle(tmp_path / "NATS-tss.pickle.pbz2", whole, protocol=protocol)
    assert values(read("nats", single)) == values(read("nats", folder))


def test_many_entries_pass_through_batches(tmp_path: Path) -> None:
    """A pickled dict comes in batches of 1,000 items."""
    trained = {"01": {"cifar10": [777]}}
    entries = {number: entry(number, nats_size.SPACE, trained) for number in range(2003)}
    single = write_pickle(tmp_path / "t.pickle.pbz2", table(entries, nats_size.SPACE))
    block = read("nats", single)["nats_size-cifar10"]
    assert block.numbers.tolist() == list(range(2003))
    folder = write_folder(tmp_path / "folder", entries, table(entries, nats_size.SPACE))
    assert len(entries) > processes._WORTHWHILE  # so it is read by several processes
    assert values(read("nats", folder)) == values({"nats_size-cifar10": block})


@pytest.mark.parametrize("new_format", [False, True])
def test_nasbench201_files_of_torch_are_read_without_their_weights(
    entries: dict[int, Any], whole: dict[str, Any], new_format: bool, tmp_path: Path
) -> None:
    infos = {n: {"full": states["200"], "less": states["12"]} for n, states in entries.items()}
    weights = torch.nn.Linear(3, 4).state_dict()
    published = pickle.loads(pickle.dumps(infos))
    published[11]["full"]["all_results"]["cifar10", 777]["net_state_dict"] = weights
    path = tmp_path / "NAS-Bench-201-v1_1-096897.pth"
    torch.save({**whole, "arch2infos": published}, path, _use_new_zipfile_serialization=new_format)
    names = {"full": 200, "less": 12}
    assert values(read("nasbench201", path)) == pytest.approx(expected(infos, names), rel=1e-15)


def test_the_size_space_has_three_schedules(tmp_path: Path) -> None:
    entries = {8: entry(8, nats_size.SPACE, SIZE)}
    path = write_folder(tmp_path / "sss", entries, table(entries, nats_size.SPACE))
    block = read("nats", path)["nats_size-cifar100"]
    assert block.horizons.tolist() == [1, 12, 90]
    assert block.repeats.tolist() == [1, 2, 3]
    assert block.space.decode(block.codes[0].tolist()) == nats_size.from_channels_str("8:8:8:16:8")


def test_nasbench360_keeps_darcy_flow_as_a_loss_and_not_as_an_accuracy(tmp_path: Path) -> None:
    for name, metrics in (
        ("ninapro", {"test_acc", "test_loss", "test_duration", "train_acc"}),
        ("darcyflow", {"test_loss", "test_duration", "train_loss"}),
    ):
        entries = {5: entry(5, trained={"12": {name: [777]}}, sets={name: ("ori-test",)})}
        path = write_pickle(tmp_path / f"{name}.pickle.pbz2", table(entries))
        block = read("nasbench360", path)[f"nasbench201-{name}"]
        assert metrics <= set(block.epoch_metrics)
        assert ("test_acc" in block.epoch_metrics) == ("train_acc" in metrics)


def test_the_same_folder_again_changes_nothing(warehouse: Warehouse, folder: Path) -> None:
    first = import_table(warehouse, "nats", folder)
    assert first.rows == {
        "nasbench201-cifar10-valid": 15, "nasbench201-cifar10": 12, "nasbench201-cifar100": 12,
        "nasbench201-ImageNet16-120": 12,
    }  # fmt: skip
    assert not import_table(warehouse, "nats", folder).changed


def test_many_files_are_described_together_and_still_told_apart(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    """Every later commit carries the description, of the published folder 15,626 files."""
    trained = {"01": {"cifar10": [777]}}
    entries = {number: entry(number, nats_size.SPACE, trained) for number in range(100)}
    path = write_folder(tmp_path / "sss", entries, table(entries, nats_size.SPACE))
    import_table(warehouse, "nats", path)
    (described,) = warehouse.commit.imports[0].sources
    assert described.name == "101 files, meta.pickle.pbz2 to 000099.pickle.pbz2"
    assert described.bytes == sum(each.stat().st_size for each in path.iterdir())
    assert not import_table(warehouse, "nats", path).changed
    other = entry(50, nats_size.SPACE, {"12": {"cifar10": [777]}})
    write_pickle(path / "000050.pickle.pbz2", other)
    with pytest.raises(ConflictError, match="'sss' is in the warehouse, from other files"):
        import_table(warehouse, "nats", path)


def refused(warehouse: Warehouse, kind: str, path: Path, message: str) -> None:
    with pytest.raises(CorruptedFileError, match=message):
        import_table(warehouse, kind, path)
    assert not warehouse.commit.imports
    assert not list(warehouse.home.rglob("*.parquet"))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_cut_off_file_is_refused_with_its_name_and_place(
    warehouse: Warehouse, entries: dict[int, Any], whole: dict[str, Any], share: float,
    tmp_path: Path,
) -> None:  # fmt: skip
    path = write_folder(tmp_path / "cut", entries, whole)
    victim = path / "000011.pickle.pbz2"
    content = victim.read_bytes()
    victim.write_bytes(content[: int(len(content) * share)])
    refused(warehouse, "nats", path, r"000011\.pickle\.pbz2: is cut off after byte \d+")


def test_an_altered_byte_is_refused_with_the_name_and_place(
    warehouse: Warehouse, entries: dict[int, Any], whole: dict[str, Any], tmp_path: Path
) -> None:
    path = write_folder(tmp_path / "altered", entries, whole)
    victim = path / "000300.pickle.pbz2"
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.write_bytes(content)
    refused(warehouse, "nats", path, r"000300\.pickle\.pbz2: .*altered, before byte \d+")


@pytest.mark.parametrize("share", [0.6, 0.999999])
@pytest.mark.parametrize("new_format", [False, True])
def test_a_cut_off_torch_file_is_refused_with_the_place(
    warehouse: Warehouse, whole: dict[str, Any], new_format: bool, share: float, tmp_path: Path
) -> None:
    path = tmp_path / "v1_1.pth"
    infos = {
        n: {"full": states["200"], "less": states["12"]}
        for n, states in whole["arch2infos"].items()
    }
    table_ = {**whole, "arch2infos": infos}
    torch.save(table_, path, _use_new_zipfile_serialization=new_format)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    refused(warehouse, "nasbench201", path, r"v1_1\.pth: .* byte \d+")


def test_an_altered_zip_of_torch_is_refused(
    warehouse: Warehouse, whole: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "v1_1.pth"
    infos = {
        n: {"full": states["200"], "less": states["12"]}
        for n, states in whole["arch2infos"].items()
    }
    torch.save({**whole, "arch2infos": infos}, path)
    with zipfile.ZipFile(path) as archive:
        name = next(name for name in archive.namelist() if name.endswith("data.pkl"))
        start = archive.getinfo(name).header_offset
    content = bytearray(path.read_bytes())
    place = content.index(b"G?", start + 1_500_000)  # within a number
    content[place + 4] ^= 1
    path.write_bytes(content)
    refused(warehouse, "nasbench201", path, r"v1_1\.pth: a damaged zip: Bad CRC")


class Evil:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("evil"),))


@pytest.mark.parametrize("form", ["folder", "single", "torch"])
def test_a_pickle_with_a_forbidden_class_is_refused(
    warehouse: Warehouse,
    entries: dict[int, Any],
    form: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    evil = {**entries, 11: pickle.loads(pickle.dumps(entries[11]))}
    evil[11]["200"]["all_results"]["cifar10", 888]["latency"] = Evil()
    path = tmp_path / "NATS"
    if form == "folder":
        write_folder(path, evil, table(evil))
    elif form == "single":
        write_pickle(path, table(evil))
    else:
        torch.save(table(evil), path, _use_new_zipfile_serialization=False)
    kind = "nasbench201" if form == "torch" else "nats"
    refused(
        warehouse,
        kind,
        path,
        r"NATS.*: not a pickle of plain data: .*asks for (pathlib|__builtin__.getattr)",
    )
    assert not Path("evil").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda e: e["12"].update(arch_str="|none~0|"), "entry 11 is of '|none~0|'"),
        (lambda e: e["12"].pop("all_results"), "entry 11 .*KeyError 'all_results'"),
        (lambda e: e["12"]["all_results"].clear(), r"entry 11 \(12, cifar10-valid, seed 111\)"),
        (
            lambda e: e["200"]["all_results"]["cifar10", 888].update(epochs=199),
            r"entry 11 \(200, cifar10, seed 888\) .*epochs 199",
        ),
        (
            lambda e: e["200"]["all_results"]["cifar10", 888]["train_losses"].update({200: 1.0}),
            r"entry 11 \(200, cifar10, seed 888\)",
        ),
        (
            lambda e: e["200"]["all_results"]["cifar10", 888]["train_losses"].update({3: "x"}),
            "'x' is no number",
        ),
        (
            lambda e: e["200"]["all_results"]["cifar10", 888]["eval_losses"].update({"y@3": 1.0}),
            "KeyError 'y'",
        ),
    ],
)
def test_an_entry_that_is_not_as_published_is_refused(
    warehouse: Warehouse, entries: dict[int, Any], whole: dict[str, Any], change: Any,
    message: str, tmp_path: Path,
) -> None:  # fmt: skip
    altered = pickle.loads(pickle.dumps(entries))
    change(altered[11])
    path = write_folder(tmp_path / "altered", altered, whole)
    refused(warehouse, "nats", path, message)


def test_what_all_entries_share_may_be_shared_and_nothing_else(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    trained = {"01": {"cifar10": [777]}}
    entries = {number: entry(number, nats_size.SPACE, trained) for number in range(9)}
    shared = entries[0]["01"]["dataset_seed"]
    assert all(each["01"]["dataset_seed"] is shared for each in entries.values())
    path = write_pickle(tmp_path / "t.pickle.pbz2", table(entries, nats_size.SPACE))
    assert len(read("nats", path)["nats_size-cifar10"]) == 9
    late = {"cifar10": [777]}
    for number in (7, 8):
        entries[number]["01"]["dataset_seed"] = late
    write_pickle(path, table(entries, nats_size.SPACE))
    refused(warehouse, "nats", path, r"byte \d+ .* refers to memo slot \d+, .* earlier entry")


def test_a_table_of_another_benchmark_is_refused(warehouse: Warehouse, tmp_path: Path) -> None:
    entries = {5: entry(5, trained={"12": {"ninapro": [777]}}, sets={"ninapro": ("ori-test",)})}
    path = write_pickle(tmp_path / "NATS.pickle.pbz2", table(entries))
    refused(warehouse, "nats", path, "dataset 'ninapro' is none of cifar10-valid")


def test_what_is_no_table_is_refused(warehouse: Warehouse, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no NATS-Bench; give"):
        import_table(warehouse, "nats", tmp_path)
    other = tmp_path / "other.pth"
    other.write_bytes(pickle.dumps([1, 2]))
    refused(warehouse, "nasbench201", other, r"other\.pth: no file of torch\.save")
    bad = tmp_path / "bad.pickle.pbz2"
    bad.write_bytes(b"PK\x03\x04 no bzip2")
    refused(warehouse, "nats", bad, "no bzip2 file, or altered, before byte")
    write_pickle(bad, {"meta_archs": ["|none~0|"], "arch2infos": {0: {}}})
    refused(warehouse, "nats", bad, "lists 1 architectures")
    write_pickle(bad, [1, 2])
    refused(warehouse, "nats", bad, "holds no arch2infos")
