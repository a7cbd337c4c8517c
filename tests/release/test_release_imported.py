"""From a published file through the warehouse and a release to the client."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

import nepsbench
from nepsbench.campaign.publish import publish_benchmark
from nepsbench.release import verify_release
from nepsbench.warehouse import Warehouse, importers, open_warehouse
from nepsbench.warehouse.importers import Kind
from nepsbench.warehouse.importing import import_table
from tests.warehouse import tiny_importer
from tests.warehouse.tiny_importer import write_tiny

pytestmark = pytest.mark.whole

NAME = "nasbench201-cifar10"


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    """A warehouse with two imports of one benchmark, the second with a longer schedule."""
    monkeypatch.setenv("NEPSBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(sys.modules, f"{importers.__name__}.tiny", tiny_importer)
    monkeypatch.setitem(importers.KINDS, "tiny", Kind("tiny", "tiny", "a tiny table"))
    warehouse = open_warehouse(tmp_path / "home")
    tables = {
        "short": [[7, 1, 777, [10.0, 20.5]], [7, 2, 888, [11.0, None]], [3, 1, 777, [30.0, 40.0]]],
        "long": [[7, 1, 777, [1.0, 2.0, 3.0]], [9, 1, 999, [4.0, 5.0, 6.0]]],
    }
    for name, trials in tables.items():
        path = write_tiny(tmp_path / f"{name}.table", ("nasbench201", "cifar10", trials))
        import_table(warehouse, "tiny", path, name=name)
    return warehouse


def _recorded_values_agree(warehouse: Warehouse, name: str) -> int:
    """Compare every value of the warehouse with the client's; return how many there were."""
    bench = nepsbench.load(name, home=warehouse.home)
    names = [metric.name for metric in bench.metrics]
    with warehouse.connect(name) as connection:
        rows = connection.sql("FROM curves").to_arrow_table().to_pylist()
    compared = 0
    for row in rows:
        chosen = {"seed": row["seed"], "horizon": row["horizon"]}
        answer = bench(row["taskid"], row["epoch"], **chosen)
        assert answer == {name: row[name] for name in names if row[name] is not None}
        compared += len(answer)
    return compared


def test_every_imported_value_is_answered(warehouse: Warehouse) -> None:
    path = publish_benchmark(NAME, "1.0.0", warehouse.home)
    assert _recorded_values_agree(warehouse, NAME) == 11
    manifest = verify_release(path)
    assert manifest.surrogate is None
    assert manifest.benchmark["origin"] == ["tiny"]
    assert manifest.contents["horizons"] == [2, 3]
    bench = nepsbench.load(path)
    assert bench.horizons == (2, 3)
    assert bench(7) == {"test_acc": 3.0}
    assert bench(7, 1, horizon=2) == {"test_acc": 10.5}
    assert bench(7, horizon=2) == {"test_acc": 20.5}


def test_publishing_an_imported_table_again_changes_nothing(warehouse: Warehouse) -> None:
    first = publish_benchmark(NAME, "1.0.0", warehouse.home)
    before = {path: path.stat().st_mtime_ns for path in first.rglob("*")}
    assert publish_benchmark(NAME, "1.0.0", warehouse.home) == first
    assert {path: path.stat().st_mtime_ns for path in first.rglob("*")} == before
    assert {path.name for path in first.parent.iterdir()} == {"1.0.0"}


@pytest.mark.skipif("NEPSBENCH_SHARED_DATA" not in os.environ, reason="no published files here")
def test_every_value_of_the_published_nats_fragment_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEPSBENCH_CACHE", str(tmp_path / "cache"))
    warehouse = open_warehouse(tmp_path / "home")
    shared = Path(os.environ["NEPSBENCH_SHARED_DATA"])
    fragment = shared / "nasbench201/nats_topology/NATS-tss-v1_0-3ffb9-simple"
    compared = 0
    for name in import_table(warehouse, "nats", fragment).rows:
        publish_benchmark(name, "1.0.0", warehouse.home)
        compared += _recorded_values_agree(warehouse, name)
    assert compared == 46_006
