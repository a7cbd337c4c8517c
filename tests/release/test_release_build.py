from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from nepsbench.errors import (
    ConflictError,
    CorruptedFileError,
    InvalidConfigurationError,
    NepsbenchError,
    SpecError,
    StorageError,
)
from nepsbench.release import build_release, info_of, read_manifest, verify_release
from nepsbench.release.coding import ArrayWriter
from nepsbench.schema import METRICS_BY_NAME
from tests.tiny_benchmark import INFO, NAME, odd_tables, plain_tables


def _build(target: Path, trials: pa.Table, epochs: pa.Table, **changes: Any) -> Path:
    request = {"name": NAME, "version": "1.0.0", "benchmark_info": INFO, **changes}
    return build_release(
        trials=trials, epochs=epochs, surrogate=None, card=None, target=target, **request
    )


def test_a_release_tells_what_it_holds(release: Path) -> None:
    manifest = verify_release(release)
    assert release.parts[-2:] == (NAME, "1.0.0")
    assert manifest.contents == {
        "trials": 8,
        "configurations": 7,
        "epochs": 4 * 6 + 2 - 1,
        "max_epoch": 4,
        "horizons": [200],
        "seeds": "published",
        "statuses": {"complete": 6, "diverged": 1, "failed": 1},
    }
    assert manifest.space["parameters"]["LearningRate"]["upper"] == 1.0
    assert manifest.benchmark == INFO
    assert manifest.provenance["recipe"] == {"nepsbench101/2": 8}
    assert manifest.metrics[0] == METRICS_BY_NAME["params"]
    assert "latency" not in {metric.name for metric in manifest.metrics}
    assert manifest.surrogate is None


def test_the_tables_of_a_release_are_ordered_by_configuration_and_seed(release: Path) -> None:
    trials = pq.read_table(release / "trials.parquet")
    epochs = pq.read_table(release / "epochs.parquet")
    keys = list(zip(trials["config_id"].to_pylist(), trials["seed"].to_pylist(), strict=True))
    assert keys == sorted(keys)
    place = {idx: row for row, idx in enumerate(trials["model_idx"].to_pylist())}
    owners = [place[idx] for idx in epochs["model_idx"].to_pylist()]
    found = list(zip(epochs["epoch"].to_pylist(), owners, strict=True))
    assert found == sorted(found)


def test_a_release_holds_parquet_arrays_and_text_alone(release: Path) -> None:
    found = {path.suffix for path in release.rglob("*") if path.is_file()}
    assert found == {".parquet", ".bin", ".json"}
    assert (release / "lookup" / "arrays.bin").read_bytes().startswith(b"nepsbench lookup")


def test_building_the_same_content_again_changes_nothing(release: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in release.rglob("*")}
    trials, epochs = odd_tables()
    shuffled = [
        table.take(np.random.default_rng(0).permutation(table.num_rows))
        for table in (trials, epochs)
    ]
    assert _build(release.parent.parent, *shuffled) == release
    assert {path: path.stat().st_mtime_ns for path in release.rglob("*")} == before


def test_a_version_never_gets_another_content(release: Path) -> None:
    trials, epochs = odd_tables()
    with pytest.raises(ConflictError, match=r"build it as 1\.0\.1$"):
        _build(release.parent.parent, trials, epochs, benchmark_info={**INFO, "note": "new"})
    verify_release(release)
    assert [path.name for path in release.parent.iterdir()] == ["1.0.0"]


def test_a_build_that_fails_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(ArrayWriter, "array", refuse)
    with pytest.raises(StorageError, match="disk is full"):
        _build(tmp_path, *plain_tables(3))
    assert list(tmp_path.rglob("*.*")) == []


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"version": "1.0"}, r"'1\.0' is no release version"),
        ({"name": "../x"}, "no release name"),
        ({"benchmark_info": {"space": "nepsbench101"}}, "lacks 'dataset'"),
        ({"benchmark_info": {**INFO, "space": "other"}}, "unknown space 'other'"),
    ],
)
def test_a_request_that_cannot_be_met_is_refused(
    tmp_path: Path, changes: dict[str, Any], error: str
) -> None:
    with pytest.raises(SpecError, match=error):
        _build(tmp_path, *plain_tables(2), **changes)


def test_tables_that_are_not_sound_are_refused(tmp_path: Path) -> None:
    trials, epochs = plain_tables(3)
    with pytest.raises(NepsbenchError, match="4 rows of epochs have no trial"):
        _build(tmp_path, trials.slice(1), epochs)
    with pytest.raises(ConflictError, match="profile=tiny, taskid=0, model_idx=2, epoch=3 twice"):
        _build(tmp_path, trials, pa.concat_tables([epochs, epochs.slice(6, 1)]))
    with pytest.raises(NepsbenchError, match="trials lacks the columns seed, W"):
        _build(tmp_path, trials.drop_columns(["seed", "W"]), epochs)
    with pytest.raises(CorruptedFileError, match="config_id is not that of its configuration"):
        _build(tmp_path, _replaced(trials, "N", pc.subtract(6, trials["N"])), epochs)
    with pytest.raises(InvalidConfigurationError, match="WeightDecay=2"):
        _build(tmp_path, _replaced(trials, "WeightDecay", pa.array([1e-3, 2.0, 1e-3])), epochs)


def test_what_trials_say_of_themselves_is_the_benchmarks_description() -> None:
    trials, _ = odd_tables()
    assert info_of(trials) == INFO
    with pytest.raises(NepsbenchError, match="the table holds: no trial"):
        info_of(trials.slice(0, 0))


def test_a_manifest_survives_its_file(release: Path) -> None:
    assert read_manifest(release).to_json() == (release / "manifest.json").read_text()


def _replaced(table: pa.Table, name: str, values: Any) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, values)
