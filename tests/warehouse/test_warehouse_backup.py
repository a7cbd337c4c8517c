"""Copies of a data home, and a data home made of a copy."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nepsbench.cli.main import app
from nepsbench.errors import CorruptedFileError, StorageError
from nepsbench.warehouse import open_warehouse
from nepsbench.warehouse.backup import back_up, restore
from tests.tiny_benchmark import NAME, plain_tables


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A data home with tables, a campaign, a release, a ledger, and what can be made again."""
    home = tmp_path / "home"
    open_warehouse(home).ingest(NAME, *plain_tables(3))
    for name in ("campaigns/c/campaign.json", "releases/r/1.0.0/manifest.json", "datasets/d/x.npy",
                 "clusters/local/file"):  # fmt: skip
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(name)
    with sqlite3.connect(home / "jobs.sqlite") as ledger:
        ledger.execute("create table works (key text)")
        ledger.execute("insert into works values ('one')")
    ledger.close()
    return home


def rows(home: Path) -> list[dict[str, object]]:
    found: list[dict[str, object]] = (
        open_warehouse(home).query("select * from curves order by all").to_pylist()
    )
    return found


def test_what_was_copied_comes_back_whole(home: Path, tmp_path: Path) -> None:
    report = back_up(open_warehouse(home), tmp_path / "copy")
    assert (report.commit, report.copied, report.kept) == (1, 4, 0)
    again = restore(tmp_path / "copy", tmp_path / "new")
    assert rows(again.home) == rows(home)
    assert (again.home / "campaigns/c/campaign.json").read_text() == "campaigns/c/campaign.json"
    with sqlite3.connect(again.home / "jobs.sqlite") as ledger:
        assert ledger.execute("select key from works").fetchall() == [("one",)]
    ledger.close()
    assert not (again.home / "datasets").exists()
    assert not (again.home / "clusters").exists()


def test_a_second_copy_writes_what_is_new(home: Path, tmp_path: Path) -> None:
    warehouse = open_warehouse(home)
    back_up(warehouse, tmp_path / "copy")
    assert back_up(warehouse, tmp_path / "copy").copied == 0
    warehouse.ingest(NAME, *plain_tables(5))
    report = back_up(warehouse, tmp_path / "copy")
    assert report.commit == 2
    assert report.copied == 2  # trials anew, epochs added
    assert rows(restore(tmp_path / "copy", tmp_path / "new").home) == rows(home)


def test_damage_is_found_on_either_side(home: Path, tmp_path: Path) -> None:
    back_up(open_warehouse(home), tmp_path / "copy")
    (file,) = (tmp_path / "copy" / "benchmarks" / NAME / "trials").iterdir()
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(CorruptedFileError, match="sha256 differs"):
        restore(tmp_path / "copy", tmp_path / "new")
    assert back_up(open_warehouse(home), tmp_path / "copy").copied == 1  # written anew
    (file,) = (home / "benchmarks" / NAME / "epochs").iterdir()
    file.write_bytes(b"")
    with pytest.raises(CorruptedFileError):
        back_up(open_warehouse(home), tmp_path / "other")


def test_a_copy_goes_elsewhere_and_a_restore_into_an_empty_folder(
    home: Path, tmp_path: Path
) -> None:
    with pytest.raises(StorageError, match="lies in the data home"):
        back_up(open_warehouse(home), home / "copy")
    with pytest.raises(StorageError, match="holds no backup"):
        restore(tmp_path, tmp_path / "new")
    back_up(open_warehouse(home), tmp_path / "copy")
    with pytest.raises(StorageError, match="is not empty"):
        restore(tmp_path / "copy", home)


def test_the_commands_say_what_they_did(home: Path, tmp_path: Path) -> None:
    run = CliRunner().invoke
    copy = ["warehouse", "backup", str(tmp_path / "copy"), "--home", str(home), "--json"]
    assert json.loads(run(app, copy).output)["copied"] == 4
    words = ["warehouse", "restore", str(tmp_path / "copy"), str(tmp_path / "new")]
    assert "restored, commit 1" in run(app, words).output
