from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

import nepsbench
from nepsbench.campaign.publish import publish_benchmark
from nepsbench.errors import ConflictError, CorruptedFileError, SpecError
from nepsbench.spaces import cells, get_space, nasbench201
from nepsbench.warehouse import Warehouse
from nepsbench.warehouse.importers.mapping import mapping_path, read_mapping, shipped_mappings
from nepsbench.warehouse.importing import ImportReport, import_table

pytestmark = pytest.mark.whole

CELLS = [
    "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|",
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|",
]
HEADER_200 = (
    "arch_id,arch_str,op_code,dataset,n_seeds,val_acc_seed0,val_acc_seed1,val_acc_seed2,"
    "train_time_s,latency_s,params_M"
)
HYPER = {
    "title": "A made-up table",
    "recipe": "made-up",
    "space": {
        "name": "mlp",
        "parameters": {
            "layers": {"choices": [1, 2, 3]},
            "rate": {"lower": 1e-4, "upper": 1.0, "log": True},
            "bias": {"choices": [False, True]},
        },
    },
    "configuration": {"parameters": {"rate": "learning rate"}},
    "trials": [
        {
            "dataset": "digits",
            "horizon": 3,
            "epoch": {"column": "step"},
            "first_epoch": 0,
            "seed": {"column": "seed"},
            "metrics": {
                "valid_acc": {"column": "err", "unit": "error fraction"},
                "runtime": {"column": "ms", "unit": "ms"},
            },
        }
    ],
}


def write(path: Path, content: Any) -> Path:
    """Write a table or a mapping, as its name says."""
    if path.suffix == ".yaml":
        path.write_text(yaml.safe_dump(content, sort_keys=False))
    elif path.suffix == ".gz":
        path.write_bytes(gzip.compress("\n".join(content).encode()))
    elif path.suffix == ".json":
        path.write_text(json.dumps(content))
    else:
        path.write_text("\n".join(content))
    return path


def imported(warehouse: Warehouse, path: Path, mapping: Path | str) -> ImportReport:
    return import_table(warehouse, "table", path, options={"mapping": str(mapping)})


def rows(warehouse: Warehouse, query: str) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in warehouse.query(query).to_pylist()]


def test_every_shipped_mapping_can_be_read() -> None:
    assert set(shipped_mappings()) == {"nasbench201_12ep", "nasbench201_200ep", "nasbench_macro"}
    for path in shipped_mappings().values():
        assert read_mapping(path).about().keys() >= {"title", "citation", "licence", "url", "notes"}


def test_the_200_epoch_file_has_a_trial_a_seed_and_none_for_a_missing_one(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    path = write(
        tmp_path / "seeds_200ep.csv.gz",
        [
            HEADER_200,
            f"0,{CELLS[0]},421211,cifar10,3,82.0920,81.6160,82.2400,1444.22,0.013936,0.129306",
            f"0,{CELLS[0]},421211,imagenet,3,28.3333,27.3667,28.9333,8763.52,0.012977,0.136456",
            f"1,{CELLS[1]},333413,cifar10,2,91.4280,91.6000,,2000,0.013936,0.4",
        ],
    )
    report = imported(warehouse, path, "nasbench201_200ep")
    assert report.rows == {"nasbench201-cifar10-valid": 5, "nasbench201-ImageNet16-120": 3}
    assert rows(
        warehouse,
        "SELECT taskid, model_idx, seed, horizon, epoch, valid_acc, test_acc, train_duration, "
        "latency * 256, params FROM curves WHERE dataset = 'cifar10-valid' ORDER BY ALL",
    ) == [
        (0, 1, None, 200, 200, 82.092, None, 1444.22 / 200, 0.013936, 0.129306),
        (0, 2, None, 200, 200, 81.616, None, 1444.22 / 200, 0.013936, 0.129306),
        (0, 3, None, 200, 200, 82.24, None, 1444.22 / 200, 0.013936, 0.129306),
        (1, 1, None, 200, 200, 91.428, None, 10.0, 0.013936, 0.4),
        (1, 2, None, 200, 200, 91.6, None, 10.0, 0.013936, 0.4),
    ]
    [entry] = warehouse.commit.imports
    assert entry.options == {"mapping": "nasbench201_200ep"}
    assert [source.name for source in entry.sources] == [
        "seeds_200ep.csv.gz", "nasbench201_200ep.yaml",
    ]  # fmt: skip
    assert entry.about["nasbench201-cifar10-valid"]["licence"] == "Apache-2.0"
    assert warehouse.check().findings == ()


def test_the_12_epoch_file_fills_four_benchmarks_each_split_under_its_name(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    path = write(
        tmp_path / "12ep.csv.gz",
        [
            "arch,cellstr,cifar10-test,cifar10-val,cifar100-test,cifar100-val,imagenet-test,"
            "imagenet-val",
            f"0,{CELLS[0]},69.5500,63.3640,31.2600,31.8400,17.0000,18.4667",
        ],
    )
    imported(warehouse, path, "nasbench201_12ep")
    assert rows(
        warehouse, "SELECT dataset, epoch, valid_acc, test_acc, ori_test_acc FROM curves ORDER BY 1"
    ) == [
        ("ImageNet16-120", 12, 18.4667, 17.0, None),
        ("cifar10", 12, None, 69.55, None),
        ("cifar10-valid", 12, 63.364, None, None),
        ("cifar100", 12, 31.84, 31.26, None),
    ]


def test_a_space_of_a_mapping_file_is_known_to_warehouse_release_and_client(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    content = {
        "02012100": {
            "test_acc": [89.5, 88.9, 89.2], "mean_acc": 89.2, "std": 0.2, "params": 890666,
            "flops": 47327744,
        },
        "11111221": {
            "test_acc": [92.18, 92.22, 92.5], "mean_acc": 92.3, "std": 0.1, "params": 2181386,
            "flops": 65012224,
        },
    }  # fmt: skip
    imported(warehouse, write(tmp_path / "nas-bench-macro_cifar10.json", content), "nasbench_macro")

    space = warehouse.space("nasbench_macro")
    assert warehouse.space("nasbench201") is get_space("nasbench201")
    with pytest.raises(SpecError, match="unknown space 'macro'"):
        warehouse.space("macro")
    release = publish_benchmark("nasbench_macro-cifar10", "1.0.0", warehouse.home)
    bench = nepsbench.load(release)
    assert bench.space == space
    blocks = ("identity", "mb3_k3", "mb6_k5")
    number = int("11111221", base=3)
    configuration = {f"layer_{k}": blocks[int(d)] for k, d in enumerate("11111221", start=1)}
    assert bench.number_of(configuration) == number
    assert bench(number, seed=2) == {"test_acc": 92.5, "params": 2.181386, "flops": 65.012224}
    assert bench.seeds(configuration) == (0, 1, 2)
    assert len(bench) == 2


def test_another_space_of_the_same_name_is_refused(warehouse: Warehouse, tmp_path: Path) -> None:
    table = write(tmp_path / "a.json", {"0": {"acc": 1.0}})
    mapping = {
        "title": "x", "recipe": "x", "space": {"name": "s", "parameters": {"a": {"choices": [0]}}},
        "file": {"key": "a"},
        "trials": [{"dataset": "d", "horizon": 1, "metrics": {"test_acc": "acc"}}],
    }  # fmt: skip
    imported(warehouse, table, write(tmp_path / "m.yaml", mapping))
    mapping["space"] = {"name": "s", "parameters": {"a": {"choices": [0, 1]}}}
    other = write(tmp_path / "other.yaml", mapping)
    with pytest.raises(ConflictError, match="knows another space 's'"):
        import_table(warehouse, "table", table, name="b", options={"mapping": str(other)})


LONG = [
    "layers,learning rate,bias,seed,step,err,ms",
    "2,0.1,true,7,1,0.25,2000",
    "1,0.01,false,7,0,0.5,1000",
    "2,0.1,true,7,0,0.5,1000",
    "2,0.1,true,8,0,NA,1500",
    "2,0.1,true,7,2,0.125,3000",
    "2,0.1,true,8,2,0.25,3500",
]
LONG_ROWS = [
    # layers, rate, bias, seed, status, trained, epoch, valid_acc, runtime
    (1, 0.01, False, 7, "failed", 1, 1, 50.0, 1.0),
    (2, 0.1, True, 7, "complete", 3, 1, 50.0, 1.0),
    (2, 0.1, True, 7, "complete", 3, 2, 75.0, 2.0),
    (2, 0.1, True, 7, "complete", 3, 3, 87.5, 3.0),
    (2, 0.1, True, 8, "complete", 3, 1, None, 1.5),
    (2, 0.1, True, 8, "complete", 3, 3, 75.0, 3.5),
]


@pytest.mark.parametrize("form", ["csv", "tsv", "csv.gz", "parquet"])
def test_a_row_an_epoch_makes_curves_in_whatever_order_and_form(
    warehouse: Warehouse, tmp_path: Path, form: str
) -> None:
    path = tmp_path / f"long.{form}"
    if form == "parquet":
        names, *lines = (line.split(",") for line in LONG)
        table = pa.table({name: [row[k] for row in lines] for k, name in enumerate(names)})
        for k, kind in enumerate((pa.int64(), pa.float64(), pa.bool_(), pa.int32(), pa.int8())):
            table = table.set_column(k, names[k], table[names[k]].cast(kind))
        pq.write_table(table, path)
    else:
        write(path, [line.replace(",", "\t") if form == "tsv" else line for line in LONG])
    imported(warehouse, path, write(tmp_path / "m.yaml", HYPER))
    assert (
        rows(
            warehouse,
            "SELECT layers, rate, bias, seed, status, epochs, epoch, valid_acc, runtime "
            "FROM curves ORDER BY ALL",
        )
        == LONG_ROWS
    )
    assert rows(warehouse, "SELECT DISTINCT reason FROM trials WHERE reason IS NOT NULL") == [
        ("published up to epoch 1 of 3",)
    ]
    assert warehouse.check().errors == ()


def test_lists_and_columns_may_be_curves(warehouse: Warehouse, tmp_path: Path) -> None:
    table = write(tmp_path / "t.jsonl", [
        json.dumps({"arch": "421211", "curve": [1, 2, None], "a": 4, "b": 5, "c": 6, "p": 2.5e5}),
    ])  # fmt: skip
    told = {
        "dataset": "cifar10", "horizon": 3, "seed": 5,
        "metrics": {
            "train_loss": {"column": "curve", "each": "epoch"},
            "train_acc": {"columns": ["a", "b", "c"], "each": "epoch"},
            "params": {"column": "p", "unit": "1"},
        },
    }  # fmt: skip
    mapping = {
        "title": "x", "recipe": "x", "space": "nasbench201",
        "configuration": {"notation": "arch"}, "trials": [told],
    }  # fmt: skip
    imported(warehouse, table, write(tmp_path / "m.yaml", mapping))
    assert rows(
        warehouse, "SELECT seed, params, epoch, train_loss, train_acc FROM curves ORDER BY epoch"
    ) == [(5, 0.25, 1, 1.0, 4.0), (5, 0.25, 2, 2.0, 5.0), (5, 0.25, 3, None, 6.0)]


def test_the_same_mapping_from_another_place_is_the_same_import(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    table = write(tmp_path / "long.csv", LONG)
    first = write(tmp_path / "m.yaml", HYPER)
    (tmp_path / "b").mkdir()
    second = write(tmp_path / "b" / "m.yaml", HYPER)
    assert imported(warehouse, table, first).changed
    assert not imported(warehouse, table, second).changed
    write(second, HYPER | {"title": "Another one"})
    with pytest.raises(ConflictError, match="from other files"):
        imported(warehouse, table, second)


def changed(**changes: Any) -> dict[str, Any]:
    return HYPER | changes


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        (changed(number="id"), "long.csv: has no column 'id', which the mapping names; it has lay"),
        (changed(spaces="x"), "unknown key 'spaces'; did you mean 'space'?"),
        (changed(space="nasbench2001"), "unknown space 'nasbench2001'"),
        (changed(space={"name": "x"}), "space x: parameters is missing"),
        (changed(configuration={"parameters": {"lr": "x"}}), "has no parameter 'lr'"),
        (changed(trials=[]), "trials: "),
        (
            changed(trials=[{"dataset": "d", "horizon": 1, "metrics": {"accuracy": "err"}}]),
            "'accuracy' is no metric; there are: params",
        ),
        (
            changed(
                trials=[
                    {
                        "dataset": "d", "horizon": 1,
                        "metrics": {"test_acc": {"column": "err", "unit": "s"}},
                    }
                ]
            ),
            "test_acc cannot be in 's'; units: '%', 'fraction'",
        ),
        (changed(configuration={"notation": "layers"}), "space mlp has no notation"),
    ],
)  # fmt: skip
def test_a_wrong_mapping_is_one_line(
    warehouse: Warehouse, tmp_path: Path, mapping: dict[str, Any], words: str
) -> None:
    table = write(tmp_path / "long.csv", LONG)
    with pytest.raises((SpecError, CorruptedFileError)) as caught:
        imported(warehouse, table, write(tmp_path / "m.yaml", mapping))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert warehouse.commit.number == 0


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("9,0.1,true,7,2,0.1,1", "line 8: layers=9 is not a choice; choose one of 1, 2, 3"),
        ("2,5,true,7,2,0.1,1", "line 8: rate=5.0 is out of range"),
        ("2,,true,7,2,0.1,1", "line 8: column 'learning rate' is empty, and says which conf"),
        ("2,0.1,true,7,2.5,0.1,1", "line 8: column 'step' is '2.5', no whole number"),
        ("2,0.1,true,9,2,lots,1", "line 8: valid_acc is 'lots', no number"),
        ("2,0.1,true,7,9,0.1,1", "line 8: epoch 10 lies outside the horizon, 3"),
        ("2,0.1,true,7,2,0.1,1", "line 8: epoch 3 of this trial stands twice"),
        ("2,0.1,true,7", "Line: 8"),
        ("2,0.1,true,7,2,0.1,1,1,1", "Line: 8"),
    ],
)
def test_a_malformed_row_is_named_by_its_line(
    warehouse: Warehouse, tmp_path: Path, line: str, words: str
) -> None:
    table = write(tmp_path / "long.csv", [*LONG, line])
    with pytest.raises(CorruptedFileError, match=r"long\.csv: ") as caught:
        imported(warehouse, table, write(tmp_path / "m.yaml", HYPER))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert warehouse.commit.number == 0


def test_a_line_is_counted_as_an_editor_counts_it(warehouse: Warehouse, tmp_path: Path) -> None:
    head, *lines = LONG
    quoted = [f'{head},"a ""comment"""', *(f'{line},"over\ntwo lines"' for line in lines)]
    table = write(tmp_path / "long.csv", [*quoted, "9,0.1,true,7,2,0.1,1,x"])
    with pytest.raises(CorruptedFileError, match=r"long\.csv: line 14: layers=9"):
        imported(warehouse, table, write(tmp_path / "m.yaml", HYPER))


def test_a_cut_off_file_is_named(warehouse: Warehouse, tmp_path: Path) -> None:
    mapping = write(tmp_path / "m.yaml", HYPER)
    packed = tmp_path / "long.csv.gz"
    lines = [LONG[0], *(f"2,0.1,true,{seed},0,0.5,{seed}" for seed in range(3000))]
    packed.write_bytes(gzip.compress("\n".join(lines).encode())[:-500])
    parquet = tmp_path / "long.parquet"
    parquet.write_bytes(b"PAR1 not really")
    for path in (packed, parquet):
        with pytest.raises(CorruptedFileError, match=path.name) as caught:
            imported(warehouse, path, mapping)
        assert "\n" not in str(caught.value)
    with pytest.raises(SpecError, match=r"what is this\? Files end in \.csv"):
        imported(warehouse, write(tmp_path / "long.xls", LONG), mapping)
    with pytest.raises(SpecError, match="Give a mapping file"):
        import_table(warehouse, "table", packed)
    with pytest.raises(SpecError, match="no such mapping file; give a path, or one of these: nas"):
        imported(warehouse, packed, "nowhere")
    assert warehouse.commit.number == 0


SHARED = Path(os.environ.get("NEPSBENCH_SHARED_DATA", "absent"))


@pytest.mark.skipif(not SHARED.is_dir(), reason="the published files are not at hand")
def test_the_published_files_are_imported_as_they_are(warehouse: Warehouse) -> None:
    for file, mapping in (
        ("nasbench201/12ep.csv.gz", "nasbench201_12ep"),
        ("nasbench201/seeds_200ep.csv.gz", "nasbench201_200ep"),
        ("nasbench_macro/nas-bench-macro_cifar10.json", "nasbench_macro"),
    ):
        imported(warehouse, SHARED / file, mapping)
    counts = "SELECT benchmark, horizon, count(*), count(DISTINCT taskid) FROM trials GROUP BY ALL"
    assert set(rows(warehouse, counts)) == {
        *((f"nasbench201-{name}", 12, 15625, 15625)
          for name in ("cifar10", "cifar10-valid", "cifar100", "ImageNet16-120")),
        *((f"nasbench201-{name}", 200, 39419, 15625)
          for name in ("cifar10-valid", "cifar100", "ImageNet16-120")),
        ("nasbench_macro-cifar10", 50, 19683, 6561),
    }  # fmt: skip
    assert warehouse.check().findings == ()
    # The published number of a cell is the space's own.
    for taskid, *edges in rows(
        warehouse,
        f"SELECT DISTINCT taskid, {', '.join(nasbench201.SPACE.names)} FROM trials "
        "WHERE space = 'nasbench201' AND taskid % 500 = 0",
    ):
        cell = dict(zip(nasbench201.SPACE.names, edges, strict=True))
        assert nasbench201.SPACE.index(cell) == taskid
        assert cells.from_arch_str(nasbench201.to_arch_str(cell)) == nasbench201.cell_of(cell)


def test_the_shipped_mapping_is_found_by_name() -> None:
    assert mapping_path("nasbench_macro").name == "nasbench_macro.yaml"
