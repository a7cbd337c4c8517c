from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import tiny_importer
from tiny_importer import write_tiny
from warehouse_results import BENCHMARK, results

from nepsbench.errors import (
    ConflictError,
    CorruptedFileError,
    InvalidResultError,
    SpecError,
    StorageError,
)
from nepsbench.spaces import get_space
from nepsbench.warehouse import Warehouse, importers, open_warehouse
from nepsbench.warehouse.importing import ImportReport, import_table

#: Two configurations with two seeds each, and one that was trained once.
TRIALS = [
    [7, 1, 777, [10.0, 20.0]],
    [7, 2, 888, [11.0, None]],
    [3, 1, 777, [30.0, 40.0]],
]


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make ``tiny`` a kind of table."""
    monkeypatch.setitem(sys.modules, "nepsbench.warehouse.importers.tiny", tiny_importer)
    kind = importers.Kind(name="tiny", module="tiny", reads="tables of tests")
    monkeypatch.setitem(importers.KINDS, "tiny", kind)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return write_tiny(
        tmp_path / "published.jsonl",
        ("nasbench201", "cifar10", TRIALS[:2]),
        ("nasbench201", "cifar100", TRIALS),
        ("nasbench201", "cifar10", TRIALS[2:]),
    )


def state(warehouse: Warehouse) -> set[Path]:
    """Return every file of the data home but the lock."""
    return {path for path in warehouse.home.rglob("*") if path.is_file() and path.name != ".lock"}


def tiny_import(warehouse: Warehouse, path: Path, **options: str) -> ImportReport:
    return import_table(warehouse, "tiny", path, **options)


def test_an_import_keeps_seeds_curves_and_what_is_missing(
    warehouse: Warehouse, table: Path
) -> None:
    report = tiny_import(warehouse, table)

    assert report.changed
    assert report.rows == {"nasbench201-cifar10": 3, "nasbench201-cifar100": 3}
    assert report.epochs == {"nasbench201-cifar10": 6, "nasbench201-cifar100": 6}
    rows = warehouse.query(
        "SELECT profile, taskid, model_idx, seed, origin, status, horizon, epoch, test_acc "
        "FROM curves WHERE dataset = 'cifar10' ORDER BY taskid, model_idx, epoch"
    )
    assert [tuple(row.values()) for row in rows.to_pylist()] == [
        ("published.cifar10", 3, 1, 777, "tiny", "complete", 2, 1, 30.0),
        ("published.cifar10", 3, 1, 777, "tiny", "complete", 2, 2, 40.0),
        ("published.cifar10", 7, 1, 777, "tiny", "complete", 2, 1, 10.0),
        ("published.cifar10", 7, 1, 777, "tiny", "complete", 2, 2, 20.0),
        ("published.cifar10", 7, 2, 888, "tiny", "complete", 2, 1, 11.0),
        ("published.cifar10", 7, 2, 888, "tiny", "complete", 2, 2, None),
    ]


def test_an_imported_row_names_configuration_and_architecture_as_the_space_does(
    warehouse: Warehouse, table: Path
) -> None:
    from nepsbench.spaces.architecture import architecture_id

    tiny_import(warehouse, table)
    space = get_space("nasbench201")
    for row in warehouse.query("FROM trials").to_pylist():
        configuration = space.at(row["taskid"])
        assert {name: row[name] for name in space.names} == configuration
        assert row["config_id"] == space.config_id(configuration)
        assert row["architecture_id"] == architecture_id(space, configuration)


def test_the_same_files_again_change_nothing(warehouse: Warehouse, table: Path) -> None:
    first = tiny_import(warehouse, table)
    before = state(warehouse)

    second = tiny_import(warehouse, table)

    assert not second.changed
    assert (second.rows, second.epochs, second.commit) == (first.rows, first.epochs, first.commit)
    assert state(warehouse) == before


def test_other_content_under_one_name_is_a_conflict(warehouse: Warehouse, table: Path) -> None:
    tiny_import(warehouse, table)
    before = state(warehouse)
    write_tiny(table, ("nasbench201", "cifar10", [[7, 1, 777, [99.0]]]))

    with pytest.raises(ConflictError, match="from other files or with other options"):
        tiny_import(warehouse, table)
    assert state(warehouse) == before
    assert tiny_import(warehouse, table, name="second").rows == {"nasbench201-cifar10": 1}


def test_one_import_fills_benchmarks_of_several_spaces_with_one_dataset(
    warehouse: Warehouse, table: Path
) -> None:
    write_tiny(
        table, ("nasbench201", "cifar10", TRIALS), ("nats_size", "cifar10", TRIALS),
        part="space",
    )  # fmt: skip
    report = tiny_import(warehouse, table)
    assert report.rows == {"nasbench201-cifar10": 3, "nats_size-cifar10": 3}
    [entry] = warehouse.commit.imports
    assert entry.profiles == ("published.nasbench201", "published.nats_size")


@pytest.mark.parametrize(
    ("last_line", "error", "words"),
    [
        ("{not JSON", CorruptedFileError, "line 4 is no JSON"),
        (
            '{"space": "nasbench201", "dataset": "cifar10", "trials": [[7, 1, 777, [5.0]]]}',
            InvalidResultError,
            r"published.cifar10: trials hold \(taskid, model_idx\) = \(7, 1\) more than once",
        ),
        (
            '{"space": "nats_size", "dataset": "cifar10", "trials": [[8, 1, 777, [5.0]]]}',
            InvalidResultError,
            "belongs to nasbench201-cifar10, a block of nats_size-cifar10 came",
        ),
    ],
)
def test_bad_input_leaves_the_warehouse_as_it_was(
    warehouse: Warehouse, table: Path, last_line: str, error: type[Exception], words: str
) -> None:
    warehouse.ingest(BENCHMARK, *results())
    before = state(warehouse)
    table.write_text(table.read_text() + last_line)

    with pytest.raises(error, match=words) as caught:
        tiny_import(warehouse, table)

    assert "\n" not in str(caught.value)
    assert state(warehouse) == before
    warehouse.verify()


def test_an_importer_that_gives_one_number_two_configurations_is_refused(
    warehouse: Warehouse, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = tiny_importer.read

    def read(path: Path, **_: object) -> Iterator[object]:
        for block in original(path, progress=lambda _done, _total: None):
            block.numbers[:] = 5
            yield block

    monkeypatch.setattr(tiny_importer, "read", read)
    with pytest.raises(InvalidResultError, match="number 5 stands for two configurations"):
        tiny_import(warehouse, table)


def test_a_value_that_is_not_finite_is_missing(warehouse: Warehouse, table: Path) -> None:
    table.write_text(table.read_text().replace("40.0", "Infinity").replace("30.0", "NaN"))
    tiny_import(warehouse, table)
    rows = warehouse.query("SELECT test_acc FROM curves WHERE taskid = 3").to_pylist()
    assert rows == [{"test_acc": None}] * 4


def test_no_trial_no_such_kind_and_a_name_that_is_no_file_name_are_one_line(
    warehouse: Warehouse, table: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").write_text("")
    with pytest.raises(InvalidResultError, match="empty: holds no trial"):
        tiny_import(warehouse, tmp_path / "empty")
    with pytest.raises(SpecError, match=r"unknown kind 'tinny' of table; there are: .*tiny"):
        import_table(warehouse, "tinny", table)
    with pytest.raises(SpecError, match="no tiny table"):
        tiny_import(warehouse, tmp_path / "absent")
    with pytest.raises(SpecError, match=r"import name '\.\./x' cannot be a file name"):
        tiny_import(warehouse, table, name="../x")
    assert warehouse.commit.number == 0


def test_a_profile_of_ours_is_not_mixed_with_an_import(warehouse: Warehouse, table: Path) -> None:
    warehouse.ingest(BENCHMARK, *results(profile="published.digits"))
    write_tiny(table, ("nasbench201", "digits", TRIALS))
    with pytest.raises(ConflictError, match=r"published\.digits"):
        tiny_import(warehouse, table)
    tiny_import(warehouse, table, name="other")
    with pytest.raises(ConflictError, match=r"other\.digits is of the import other"):
        warehouse.ingest("nasbench201-digits", *results(profile="other.digits"))


def test_dropping_takes_the_whole_import_out_and_it_can_come_back(
    warehouse: Warehouse, table: Path
) -> None:
    warehouse.ingest(BENCHMARK, *results())
    tiny_import(warehouse, table)

    assert warehouse.drop("published.cifar100") == 4

    assert {entry.profile for entry in warehouse.commit.files} == {"p"}
    assert warehouse.commit.imports == ()
    assert tiny_import(warehouse, table).changed
    assert warehouse.drop("published") == 4
    with pytest.raises(SpecError, match="holds no results of 'published'"):
        warehouse.drop("published")


def test_two_writers_of_one_import_make_it_once(warehouse: Warehouse, table: Path) -> None:
    reports: list[ImportReport] = []
    started = threading.Barrier(2)

    def work() -> None:
        mine = open_warehouse(warehouse.home)
        started.wait()
        reports.append(tiny_import(mine, table))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(report.changed for report in reports) == [False, True]
    assert warehouse.query("SELECT count(*) AS n FROM trials").to_pylist() == [{"n": 6}]
    assert len(warehouse.commit.imports) == 1


def test_while_another_writes_an_import_waits_and_then_says_who(
    warehouse: Warehouse, table: Path
) -> None:
    impatient = Warehouse(warehouse.home, wait=0.1)
    with (
        warehouse.writing(),
        pytest.raises(StorageError, match=r"is writing to this warehouse; waited 0\.1 s"),
    ):
        tiny_import(impatient, table)
    assert tiny_import(impatient, table).changed


def test_a_full_disk_is_one_line_and_the_old_state_stays(
    table: Path, small_disk: Path, tmp_path: Path
) -> None:
    warehouse = open_warehouse(small_disk / "home")
    tiny_import(warehouse, table)
    before = state(warehouse)
    curve = [value / 7 for value in range(200)]
    trials = [[number, 1, 777, curve] for number in range(1000)]
    big = write_tiny(tmp_path / "big.jsonl", ("nasbench201", "cifar10", trials))
    for free in (0, 4096, 40_000, 120_000):
        filler = small_disk / "filler"
        filler.write_bytes(bytes(shutil.disk_usage(small_disk).free - free))
        with pytest.raises(StorageError, match="the disk is full; nothing was changed"):
            tiny_import(warehouse, big)
        filler.unlink()
        assert state(warehouse) == before
        warehouse.verify()
    assert tiny_import(warehouse, big).rows == {"nasbench201-cifar10": 1000}


def test_an_import_killed_at_any_moment_leaves_the_old_state(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    trials = [[number, 1, 777, [1.0] * 50] for number in range(200)]
    big = write_tiny(
        tmp_path / "big.jsonl",
        *[("nasbench201", f"d{k}", trials) for k in range(40)],
    )
    program = """
import sys
sys.path[:0] = [sys.argv[1]]
from pathlib import Path
import tiny_importer
from nepsbench.warehouse import importers, open_warehouse
from nepsbench.warehouse.importing import import_table
sys.modules["nepsbench.warehouse.importers.tiny"] = tiny_importer
importers.KINDS["tiny"] = importers.Kind(name="tiny", module="tiny", reads="tables of tests")
def told(done, total):
    print(done, flush=True)
import_table(open_warehouse(Path(sys.argv[2])), "tiny", Path(sys.argv[3]), progress=told)
"""
    words = [sys.executable, "-c", program, str(Path(__file__).parent), warehouse.home, big]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == "20":
            break
    process.kill()
    process.wait()
    process.stdout.close()

    assert warehouse.commit.number == 0
    assert tiny_import(warehouse, big).rows["nasbench201-d39"] == 200
    warehouse.verify()
    listed = {warehouse.home / entry.path for entry in warehouse.commit.files}
    assert {path for path in state(warehouse) if path.suffix == ".parquet"} == listed
