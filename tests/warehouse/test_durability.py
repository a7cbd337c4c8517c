from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
from warehouse_results import BENCHMARK, results

from nepsbench.errors import CorruptedFileError, StorageError
from nepsbench.warehouse import Warehouse, open_warehouse
from nepsbench.warehouse.lock import writer_lock

pytestmark = pytest.mark.whole

FOLDER = Path(__file__).parent

#: A writer that ingests ever longer curves until it is killed.
WRITER = f"""
import sys
sys.path.insert(0, {str(FOLDER)!r})
from datetime import timedelta
from pathlib import Path
from warehouse_results import BENCHMARK, results
from nepsbench.warehouse import open_warehouse
warehouse = open_warehouse(Path(sys.argv[1]))
print("ready", flush=True)
start = warehouse.commit.number + 1
for epochs in range(start, start + 100):
    warehouse.ingest(BENCHMARK, *results(40, epochs))
    print(epochs, flush=True)
"""


def writer(home: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(home)], stdout=subprocess.PIPE, text=True
    )


def assert_whole(warehouse: Warehouse) -> int:
    """Prove that the state is that of some finished ingest; return its epochs."""
    warehouse.verify()
    [(trials, least, most)] = (
        warehouse.query("SELECT count(*) AS n, min(epochs) AS a, max(epochs) AS b FROM trials")
        .to_pandas()
        .itertuples(index=False)
    )
    [row] = warehouse.query("SELECT count(*) AS n FROM epochs").to_pylist()
    assert (trials, least) == (40, most)
    assert row["n"] == 40 * most
    return int(most)


def test_a_writer_killed_at_any_moment_leaves_the_old_or_the_new_state(home: Path) -> None:
    delays = random.Random(7)
    reached = 0
    for _ in range(5):
        process = writer(home)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        if reached == 0:
            process.stdout.readline()
        time.sleep(delays.uniform(0, 0.5))
        process.kill()
        told = [int(line) for line in process.stdout]
        process.wait()

        epochs = assert_whole(open_warehouse(home))

        assert epochs >= max([reached, *told])
        reached = epochs


def test_what_a_killed_writer_left_is_removed_by_the_next(warehouse: Warehouse) -> None:
    warehouse.ingest(BENCHMARK, *results(2, 1))
    left = [
        warehouse.home / "benchmarks" / BENCHMARK / "trials" / "p-00000009.parquet",
        warehouse.home / "commits" / ".00000009.json.part",
        warehouse.home / ".nepsbench.duckdb.123",
    ]
    for path in left:
        path.write_bytes(b"half")

    warehouse.ingest(BENCHMARK, *results(2, 2))

    assert not any(path.exists() for path in left)


def test_writers_take_turns_and_none_is_lost(home: Path) -> None:
    open_warehouse(home)
    errors: list[BaseException] = []

    def write(profile: str) -> None:
        try:
            for epochs in (1, 2):
                open_warehouse(home).ingest(BENCHMARK, *results(2, epochs, profile=profile))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    warehouse = open_warehouse(home)
    assert warehouse.commit.number == 6
    [row] = warehouse.query("SELECT count(*) AS n, min(epochs) AS e FROM trials").to_pylist()
    assert row == {"n": 6, "e": 2}


def test_a_writer_that_waits_in_vain_learns_who_writes(home: Path) -> None:
    warehouse = open_warehouse(home, wait=0.1)

    with (
        writer_lock(home, wait=1),
        pytest.raises(StorageError, match=f"process {os.getpid()} on .* is writing"),
    ):
        warehouse.ingest(BENCHMARK, *results(1, 1))


def test_a_reader_keeps_its_state_while_others_write(warehouse: Warehouse) -> None:
    warehouse.ingest(BENCHMARK, *results(2, 1))
    path = str(warehouse.home / "nepsbench.duckdb")
    with warehouse.connect() as ours, duckdb.connect(path, read_only=True) as plain:
        for epochs in (2, 3, 4):
            warehouse.ingest(BENCHMARK, *results(2, epochs))

        for connection in (ours, plain):
            found = connection.sql("SELECT max(epochs), count(*) FROM curves").fetchall()
            assert found == [(1, 2)]
    assert warehouse.query("SELECT max(epoch) AS e FROM epochs").to_pylist() == [{"e": 4}]


def test_files_that_no_reader_can_need_are_removed_after_a_day(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    for epochs in (1, 2, 3):
        warehouse.ingest(BENCHMARK, *results(2, epochs))
    trials = warehouse.home / "benchmarks" / BENCHMARK / "trials"
    assert len(list(trials.iterdir())) == 3

    monkeypatch.setattr("nepsbench.warehouse.commits.KEPT", timedelta(days=-2))
    warehouse.rebuild()

    assert [path.name for path in trials.iterdir()] == ["p-00000003.parquet"]
    assert [path.name for path in (warehouse.home / "commits").iterdir()] == ["00000003.json"]
    warehouse.verify()


def test_a_moved_warehouse_is_rebuilt_when_it_is_opened(warehouse: Warehouse) -> None:
    warehouse.ingest(BENCHMARK, *results(2, 1))
    moved = warehouse.home.with_name("moved")
    warehouse.home.rename(moved)

    open_warehouse(moved)

    with duckdb.connect(str(moved / "nepsbench.duckdb"), read_only=True) as connection:
        assert connection.sql("SELECT count(*) FROM trials").fetchall() == [(2,)]


@pytest.mark.parametrize("damage", ["missing", "garbage"])
def test_a_lost_duckdb_file_is_rebuilt_from_parquet(warehouse: Warehouse, damage: str) -> None:
    warehouse.ingest(BENCHMARK, *results(2, 1))
    path = warehouse.home / "nepsbench.duckdb"
    path.unlink()
    if damage == "garbage":
        path.write_bytes(b"garbage" * 1000)

    open_warehouse(warehouse.home)

    with duckdb.connect(str(path), read_only=True) as connection:
        assert connection.sql("SELECT count(*) FROM curves").fetchall() == [(2,)]


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize("damage", [flipped, truncated, Path.unlink])
def test_a_damaged_parquet_file_is_named(warehouse: Warehouse, damage: object) -> None:
    warehouse.ingest(BENCHMARK, *results(2, 1))
    path = warehouse.home / "benchmarks" / BENCHMARK / "epochs" / "p-00000001.parquet"
    assert callable(damage)
    damage(path)

    with pytest.raises(CorruptedFileError, match=r"p-00000001\.parquet") as caught:
        warehouse.verify()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("damage", [truncated, Path.unlink])
def test_queries_and_ingests_that_meet_a_damaged_file_name_it(
    warehouse: Warehouse, damage: object
) -> None:
    warehouse.ingest(BENCHMARK, *results(2, 1))
    assert callable(damage)
    damage(warehouse.home / "benchmarks" / BENCHMARK / "epochs" / "p-00000001.parquet")

    with pytest.raises(CorruptedFileError, match=r"p-00000001\.parquet"):
        warehouse.query("FROM epochs")
    with pytest.raises(CorruptedFileError, match=r"p-00000001\.parquet"):
        warehouse.ingest(BENCHMARK, *results(2, 2))


def test_a_damaged_commit_is_an_error_and_no_silent_step_back(warehouse: Warehouse) -> None:
    warehouse.ingest(BENCHMARK, *results(2, 1))
    warehouse.ingest(BENCHMARK, *results(2, 2))
    path = warehouse.home / "commits" / "00000002.json"
    path.write_text(path.read_text().replace('"rows": 2', '"rows": 3', 1))

    with pytest.raises(CorruptedFileError, match=r"00000002\.json: this commit is damaged"):
        open_warehouse(warehouse.home)


def files(home: Path) -> list[str]:
    return sorted(str(path.relative_to(home)) for path in home.rglob("*"))


def test_a_full_disk_is_one_line_and_the_old_state_stays(small_disk: Path) -> None:
    warehouse = open_warehouse(small_disk / "home")
    warehouse.ingest(BENCHMARK, *results(2, 1))
    before = files(warehouse.home)
    # Whatever is met first by the lack of space: Parquet, DuckDB file, or commit.
    for free in (4096, 40_000, 120_000, 400_000):
        filler = small_disk / "filler"
        filler.write_bytes(bytes(shutil.disk_usage(small_disk).free - free))
        with pytest.raises(StorageError, match="the disk is full; nothing was changed") as caught:
            warehouse.ingest(BENCHMARK, *results(300, 8, profile="q"))
        filler.unlink()
        assert "\n" not in str(caught.value)
        assert files(warehouse.home) == before
        warehouse.verify()

    assert warehouse.ingest(BENCHMARK, *results(300, 8, profile="q")).trials_added == 300
