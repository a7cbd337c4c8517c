"""JAHS-Bench-201's frames: pickles of pandas 1.2, 1.3 and 2.2, and of the pandas here."""

from __future__ import annotations

import gzip
import pickle
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from nepsbench.errors import CorruptedFileError, SpecError
from nepsbench.spaces.nepsbench101 import SPACE
from nepsbench.warehouse import Warehouse
from nepsbench.warehouse.importers.pandas_frame import read_frame
from nepsbench.warehouse.importing import import_table

FRAMES = Path(__file__).parent / "frames"
sys.path.insert(0, str(FRAMES))
import make  # noqa: E402

VERSIONS = ("1.2.5", "1.3.5", "2.2.3")


@pytest.fixture(scope="module")
def made_here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frames of the pandas here, whose text is objects as it was in pandas 1."""
    folder = tmp_path_factory.mktemp("frames")
    for name, build in make.FRAMES.items():
        frame = build()
        text = frame.select_dtypes(include="str").columns
        frame[text] = frame[text].astype(object)
        levels = [level.astype(object) for level in frame.columns.levels]
        frame.columns = frame.columns.set_levels(levels)
        frame.to_pickle(folder / f"{name}-here.pkl.gz", protocol=4)
    return folder


def frame_path(made_here: Path, layout: str, version: str) -> Path:
    return (made_here if version == "here" else FRAMES) / f"{layout}-{version}.pkl.gz"


@pytest.mark.parametrize("version", [*VERSIONS, "here"])
@pytest.mark.parametrize("layout", make.FRAMES)
def test_a_frame_is_what_pandas_reads(layout: str, version: str, made_here: Path) -> None:
    frame = read_frame(frame_path(made_here, layout, version))
    expected = make.FRAMES[layout]()
    assert frame.rows == len(expected)
    assert set(frame.columns) == set(expected.columns)
    for label, column in frame.columns.items():
        pd.testing.assert_series_equal(
            pd.Series(column.tolist()), pd.Series(expected[label].tolist()), check_dtype=False
        )
    for name, level in frame.index.items():
        assert level.tolist() == expected.index.get_level_values(name).tolist()


def rows(warehouse: Warehouse, query: str) -> list[dict[str, Any]]:
    return list(warehouse.query(query).to_pylist())


@pytest.mark.parametrize("version", [*VERSIONS, "here"])
@pytest.mark.parametrize("layout", make.FRAMES)
def test_trials_and_epochs_are_those_of_the_frame(
    warehouse: Warehouse, layout: str, version: str, made_here: Path
) -> None:
    path = frame_path(made_here, layout, version)
    report = import_table(warehouse, "jahs", path, name="jahs", options={"dataset": "cifar10"})
    assert report.rows == {"nepsbench101-cifar10": 4}
    assert report.epochs == {"nepsbench101-cifar10": 11}
    trials = rows(warehouse, "SELECT * FROM trials ORDER BY taskid, model_idx")
    curves = rows(warehouse, "SELECT * FROM curves")
    configurations = [
        {name: choices[config] for name, choices in make.CONFIGS.items()} for config in range(3)
    ]
    found: list[int] = []
    for trial in trials:
        config = configurations.index({name: trial[name] for name in make.CONFIGS})
        assert trial["config_id"] == SPACE.config_id(configurations[config])
        assert trial["params"] == 0.5 + config
        assert trial["flops"] == 10 + config
        assert trial["horizon"] == 200
        assert trial["status"] == "failed"
        assert trial["reason"] == f"published to epoch {trial['epochs']} of 200"
        curve = {
            row["epoch"]: row
            for row in curves
            if (row["taskid"], row["model_idx"]) == (trial["taskid"], trial["model_idx"])
        }
        source = next(
            number
            for number, (*_, of, epochs) in enumerate(make.TRIALS)
            if of == config
            and epochs == len(curve)
            and make.value(number, 1, ("train", "loss")) == curve[1]["train_loss"]
        )
        if layout == "metric":
            assert trial["seed"] == 4_000_000_000 + source
        else:
            assert trial["seed"] is None
        found.append(source)
        check_curve(source, curve)
    assert sorted(found) == [0, 1, 2, 3]


def check_curve(source: int, curve: dict[int, dict[str, Any]]) -> None:
    """Compare a trial's epochs with the rule."""
    for epoch, row in curve.items():
        for split, name in make.LABELS:
            ours = f"{split}_batch_{name}" if "duration" in name else f"{split}_{name}"
            value = make.value(source, epoch, (split, name))
            assert row[ours] == (value if value == value else None)
            assert row[f"{split}_duration"] is None  # of a whole epoch none is published
        assert row["runtime"] == 100 * epoch
        assert row["latency"] == epoch / 256 / 256


def test_a_folder_gives_raw_or_else_its_three_sets(warehouse: Warehouse, tmp_path: Path) -> None:
    folder = tmp_path / "fashion_mnist"
    folder.mkdir()
    for name in ("train_set", "valid_set"):
        content = (FRAMES / "groups-1.3.5.pkl.gz").read_bytes()
        (folder / f"{name}.pkl.gz").write_bytes(content)
    report = import_table(warehouse, "jahs", folder)
    assert report.rows == {"nepsbench101-fashion_mnist": 8}
    numbers = rows(warehouse, "SELECT taskid, max(model_idx) AS n FROM trials GROUP BY ALL")
    assert {row["taskid"]: row["n"] for row in numbers} == {0: 2, 1: 4, 2: 2}
    assert not import_table(warehouse, "jahs", folder).changed
    (folder / "raw.pkl.gz").write_bytes((FRAMES / "long-1.3.5.pkl.gz").read_bytes())
    report = import_table(warehouse, "jahs", folder, name="raw")
    assert report.rows == {"nepsbench101-fashion_mnist": 4}


def refused(warehouse: Warehouse, path: Path, message: str) -> None:
    with pytest.raises(CorruptedFileError, match=message):
        import_table(warehouse, "jahs", path, options={"dataset": "cifar10"})
    assert not warehouse.commit.imports
    assert not list(warehouse.home.rglob("*.parquet"))


def test_a_cut_off_or_altered_frame_is_refused_with_the_place(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    content = (FRAMES / "long-1.3.5.pkl.gz").read_bytes()
    path = tmp_path / "raw.pkl.gz"
    for end in (0, 5, len(content) // 2, len(content) - 4):
        path.write_bytes(content[:end])
        refused(warehouse, path, r"raw\.pkl\.gz: .* byte \d+")
    path.write_bytes(content[:-6] + b"\0" + content[-5:])
    refused(warehouse, path, r"raw\.pkl\.gz: is cut off, altered, .* byte \d+")
    path.write_bytes(gzip.compress(gzip.decompress(content)[:-50]))
    refused(warehouse, path, r"raw\.pkl\.gz: .* byte \d+")


class Evil:
    def __reduce__(self) -> Any:
        return (eval, ("open('evil', 'w')",))


@pytest.mark.parametrize(
    "value",
    [Evil(), {"a": [Evil()]}, pd.DataFrame({"a": [Evil()]}), pd.Series([1]), {"a": 1}, None],
)
def test_what_is_no_frame_of_plain_data_is_refused(
    warehouse: Warehouse, value: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "raw.pkl.gz"
    path.write_bytes(gzip.compress(pickle.dumps(value, protocol=4)))
    refused(warehouse, path, r"raw\.pkl\.gz: no pickled data frame: ")
    assert not Path("evil").exists()


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        (("features", "LearningRate"), 2.0, "LearningRate=2.0 is out of range"),
        (("features", "N"), 2, "N=2 is not a choice"),
        (("features", "epoch"), 0, "an epoch is no whole number from 1"),
        (("features", "Op3"), None, r"\('features', 'Op3'\)"),
    ],
)
def test_a_frame_with_what_the_space_has_not_is_refused(
    warehouse: Warehouse, column: Any, values: Any, message: str, tmp_path: Path
) -> None:
    frame = make.long_frame()
    text = frame.select_dtypes(include="str").columns
    frame[text] = frame[text].astype(object)
    if values is None:
        frame = frame.drop(columns=[column])
    else:
        frame[column] = values
    frame.columns = pd.MultiIndex.from_tuples(list(frame.columns)).set_levels(
        [level.astype(object) for level in pd.MultiIndex.from_tuples(list(frame.columns)).levels]
    )
    frame.to_pickle(tmp_path / "raw.pkl.gz", protocol=4)
    refused(warehouse, tmp_path / "raw.pkl.gz", f"raw.pkl.gz: not as published: .*{message}")


def test_an_unknown_dataset_or_an_empty_folder_is_refused(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    with pytest.raises(SpecError, match="whose results are these"):
        import_table(warehouse, "jahs", FRAMES / "long-1.3.5.pkl.gz")
    with pytest.raises(SpecError, match="no JAHS-Bench-201 data; give"):
        import_table(warehouse, "jahs", tmp_path, options={"dataset": "cifar10"})
