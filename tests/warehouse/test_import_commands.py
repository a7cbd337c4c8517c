from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from test_table_importer import HYPER, LONG, write
from test_warehouse_commands import run
from typer.testing import CliRunner

import nepsbench
from nepsbench.campaign.importing import parse_import
from nepsbench.cli.imports import parse_options
from nepsbench.cli.main import app
from nepsbench.client.table import TableBenchmark
from nepsbench.errors import (
    CorruptedFileError,
    InvalidConfigurationError,
    NotInTableError,
    SpecError,
)
from nepsbench.release.manifest import read_manifest
from nepsbench.warehouse import open_warehouse

pytestmark = pytest.mark.whole


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return write(tmp_path / "long.csv", LONG)


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    about = {"citation": "Nobody (2026)", "licence": "CC0", "notes": ["All of it is made up."]}
    return write(tmp_path / "m.yaml", HYPER | about)


def test_import_says_what_came_and_builds_releases(home: Path, table: Path, mapping: Path) -> None:
    words = ("import", "table", table, "--mapping", mapping, "--home", home)
    first = run(*words, "--name", "mine", "--release", "1.0.0")
    assert [word for word in first.split() if word in ("mlp-digits", "3", "6")] == [
        "mlp-digits", "3", "6",
    ]  # fmt: skip
    assert "import mine is in the warehouse now: commit 1" in first
    release = Path(first.splitlines()[-1])
    assert release == home / "releases" / "mlp-digits" / "1.0.0"
    assert nepsbench.load(release)({"layers": 2, "rate": 0.1, "bias": True}, 3, seed=7) == {
        "valid_acc": 87.5, "runtime": 3.0,
    }  # fmt: skip
    assert read_manifest(release).benchmark["about"] == {
        "title": "A made-up table", "citation": "Nobody (2026)", "licence": "CC0",
    }  # fmt: skip

    second = run(*words, "--name", "mine", "--release", "1.0.0")
    assert "import mine was in the warehouse, nothing changed: commit 1" in second
    assert "\x1b" not in first  # no bar where there is no screen


def test_import_alone_lists_the_kinds() -> None:
    kinds = [line.split()[0] for line in run("import").splitlines()]
    assert {"nds", "table"} < {*kinds}


def test_mistakes_are_one_line_and_make_no_data_home(
    tmp_path: Path, table: Path, mapping: Path
) -> None:
    home = tmp_path / "no home"
    with pytest.raises(SpecError, match="unknown kind 'tabel'"):
        run("import", "tabel", table, "--home", home)
    with pytest.raises(SpecError, match="--option colour: give key=value"):
        run("import", "table", table, "--option", "colour", "--home", home)
    with pytest.raises(SpecError, match="a table has no option 'a'"):
        run("import", "table", table, "--option", "a=1", "--mapping", mapping, "--home", home)
    with pytest.raises(SpecError, match="version"):
        run("import", "table", table, "--mapping", mapping, "--release", "one", "--home", home)
    assert CliRunner().invoke(app, ["import", "table"]).exit_code == 2
    assert not home.exists()


def test_a_damaged_table_is_one_line(home: Path, table: Path, mapping: Path) -> None:
    table.write_text(table.read_text() + "\n9,0.1,true,7,2,0.1,1")
    with pytest.raises(CorruptedFileError, match=r"long\.csv: line 8: layers=9"):
        run("import", "table", table, "--mapping", mapping, "--home", home)


def test_options_are_numbers_and_flags_where_they_look_so() -> None:
    assert parse_options(["a=1", "b=0.5", "c=True", "d=x=y", "e="]) == {
        "a": 1, "b": 0.5, "c": True, "d": "x=y", "e": "",
    }  # fmt: skip


def test_a_form_is_checked_before_anything_runs(table: Path, mapping: Path) -> None:
    form = parse_import(
        {"kind": "table", "path": str(table), "mapping": str(mapping), "release": "", "name": None}
    )
    assert (form.name, form.release, form.options) == (None, None, {"mapping": str(mapping)})
    for change, words in (
        ({"kind": "tabel"}, "unknown kind"),
        ({"path": "/nowhere/at/all"}, "there is no such file"),
        ({"release": "1"}, "import: release"),
        ({"name": "a/b"}, "import: name"),
        ({"colour": "red"}, "import: unknown key 'colour'"),
        ({"mapping": ""}, "Give a mapping file"),
    ):
        values = {"kind": "table", "path": str(table), "mapping": str(mapping)} | change
        with pytest.raises(SpecError, match=words):
            parse_import(values)


def test_info_tells_the_note_and_what_is_here(home: Path, tmp_path: Path) -> None:
    macro = {"01201201": {"test_acc": [80.0, 81.0, 82.0], "params": 1000000, "flops": 2000000}}
    path = write(tmp_path / "nas-bench-macro_cifar10.json", macro)
    run(
        "import", "table", path, "--mapping", "nasbench_macro", "--release", "0.1.0", "--home", home
    )

    told = " ".join(run("info", "nasbench_macro-cifar10", "--home", home).split())

    for words in (
        "cite: Su et al., Prioritized Architecture Sampling",
        "licence: Apache-2.0",
        "the best of a training's 50 epochs, so it was chosen by the test set",
        "release nasbench_macro-cifar10: 0.1.0",
        "warehouse nasbench_macro-cifar10: 3 trials in profile nas-bench-macro_cifar10.cifar10",
    ):
        assert words in told
    manifest = json.loads(
        (home / "releases/nasbench_macro-cifar10/0.1.0/manifest.json").read_text()
    )
    assert manifest["benchmark"]["about"]["title"].startswith("NAS-Bench-Macro")


def test_info_without_a_data_home_tells_notes_and_refuses_the_unknown(tmp_path: Path) -> None:
    home = tmp_path / "none"
    told = " ".join(run("info", "nasbench201-cifar10", "--home", home).split())
    assert "trained on all 50,000 training images" in told
    assert "NATS-Bench issues 11, 17, 35, 38, 39" in told
    assert "nats_size" in run("info", "--home", home)
    with pytest.raises(SpecError, match="nothing is known of a benchmark 'nope'; there are notes"):
        run("info", "nope", "--home", home)
    assert not home.exists()


def test_info_tells_what_the_publisher_of_anyones_table_says(
    home: Path, table: Path, mapping: Path
) -> None:
    run("import", "table", table, "--mapping", mapping, "--home", home)
    told = run("info", "mlp-digits", "--home", home)
    assert "citation: Nobody (2026)" in told
    assert "All of it is made up." in told
    assert open_warehouse(home).commit.number == 1


MACRO = {
    "02012100": {
        "test_acc": [89.5, 88.9, 89.2], "mean_acc": 89.2, "std": 0.2, "params": 890666,
        "flops": 47327744,
    },
    "11111221": {
        "test_acc": [92.18, 92.22, 92.5], "mean_acc": 92.3, "std": 0.1, "params": 2181386,
        "flops": 65012224,
    },
}  # fmt: skip
MACRO_FILE = "nas-bench-macro_cifar10.json"
BLOCKS = ("identity", "mb3_k3", "mb6_k5")


def released_macro(path: Path, home: Path) -> TableBenchmark:
    """Go the way of the commands, and open what they built by its name."""
    run("import", "table", path, "--mapping", "nasbench_macro", "--home", home)
    words = ("--benchmark", "nasbench_macro-cifar10", "--version", "1.0.0", "--home", home)
    release = run("release", "build", *words).strip()
    assert "nasbench_macro-cifar10 1.0.0 is sound" in run("release", "verify", release)
    bench = nepsbench.load("nasbench_macro-cifar10")
    assert isinstance(bench, TableBenchmark)
    return bench


def answers_as_published(bench: TableBenchmark, published: dict[str, Any]) -> None:
    for key, row in published.items():
        query = {f"layer_{k}": BLOCKS[int(digit)] for k, digit in enumerate(key, start=1)}
        assert bench.number_of(query) == int(key, base=3)
        assert [bench(query, seed=k)["test_acc"] for k in bench.seeds(query)] == row["test_acc"]
        assert bench(query)["test_acc"] == pytest.approx(sum(row["test_acc"]) / 3, rel=1e-15)
        assert (bench(query)["params"], bench(query)["flops"]) == (
            row["params"] / 1e6, row["flops"] / 1e6,
        )  # fmt: skip


def test_a_declared_space_goes_from_the_file_to_the_answer(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEPSBENCH_HOME", str(home))
    bench = released_macro(write(tmp_path / MACRO_FILE, MACRO), home)
    answers_as_published(bench, MACRO)
    assert len(bench) == 2
    with pytest.raises(NotInTableError):
        bench(dict.fromkeys(bench.space.names, "identity"))
    with pytest.raises(InvalidConfigurationError, match="layer_8"):
        bench(dict.fromkeys(bench.space.names, "identity") | {"layer_8": "mb9_k9"})
    assert bench.sql("SELECT count(*) FROM trials WHERE layer_7 = 'mb6_k5'").fetchall() == [(3,)]


def test_the_published_nasbench_macro_goes_from_the_file_to_the_answer(
    home: Path, shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEPSBENCH_HOME", str(home))
    path = shared_data / "nasbench_macro" / MACRO_FILE
    bench = released_macro(path, home)
    answers_as_published(bench, json.loads(path.read_text()))
    assert len(bench) == 6561


def test_info_needs_no_more_than_the_client(home: Path, table: Path, mapping: Path) -> None:
    run("import", "table", table, "--mapping", mapping, "--release", "1.0.0", "--home", home)
    program = (
        "import sys; sys.modules.update(dict.fromkeys(('pyarrow', 'yaml', 'pandas'))); "
        "from nepsbench.cli.main import app; app()"
    )
    for name, told in (("mlp-digits", "release mlp-digits: 1.0.0"), ("nds", "cite: Radosavovic")):
        words = [sys.executable, "-c", program, "info", name, "--home", str(home)]
        assert told in subprocess.run(words, check=True, capture_output=True, text=True).stdout
