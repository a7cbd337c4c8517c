from __future__ import annotations

from pathlib import Path

import pytest

from nepsbench.cli import main as cli
from nepsbench.release import verify_release
from nepsbench.warehouse import open_warehouse
from tests.tiny_benchmark import NAME, plain_tables

pytestmark = pytest.mark.whole


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A warehouse with one benchmark and no release."""
    open_warehouse(tmp_path / "home").ingest(NAME, *plain_tables(8))
    return tmp_path / "home"


def _run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: object
) -> tuple[int, str]:
    """Run ``nepsbench`` as a shell would; return exit code and what it printed."""
    monkeypatch.setattr("sys.argv", ["nepsbench", *map(str, words)])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    printed = capsys.readouterr()
    return int(stopped.value.code or 0), (printed.out + printed.err).strip()


def test_a_release_is_built_listed_and_verified(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ("--benchmark", NAME, "--home", home)
    code, printed = _run(monkeypatch, capsys, "surrogate", "fit", *where, "-o", tmp_path / "fitted")
    assert code == 0
    assert printed.splitlines()[0].split() == ["metric", "R2", "tau", "R2", "end", "tau", "end"]
    assert "valid_acc" in printed
    build = ("release", "build", *where, "--version", "1.0.0")
    code, printed = _run(monkeypatch, capsys, *build, "--surrogate", tmp_path / "fitted")
    assert (code, printed) == (0, str(home / "releases" / NAME / "1.0.0"))
    manifest = verify_release(Path(printed))
    assert manifest.surrogate is not None
    assert manifest.contents["trials"] == 8
    assert _run(monkeypatch, capsys, *build) == (0, printed), "fitting again gives the same"
    assert _run(monkeypatch, capsys, "release", "list", "--home", home)[1].split()[-2:] == [
        NAME,
        "1.0.0",
    ]
    code, said = _run(monkeypatch, capsys, "release", "verify", printed)
    assert code == 0
    assert said.startswith(f"{NAME} 1.0.0 is sound: ")


def test_a_damaged_release_is_one_line_on_the_command_line(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ("--benchmark", NAME, "--home", home)
    _, path = _run(monkeypatch, capsys, "release", "build", *where, "--version", "1.0.0")
    (Path(path) / "trials.parquet").write_bytes(b"")
    code, printed = _run(monkeypatch, capsys, "release", "verify", path)
    assert code == 1
    assert printed.startswith("error: ")
    assert "trials.parquet: damaged" in printed
    assert len(printed.splitlines()) == 1


def test_a_benchmark_that_is_not_in_the_warehouse_is_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, printed = _run(
        monkeypatch, capsys, "release", "build", "--benchmark", "x-y", "--version", "1.0.0",
        "--home", home,
    )  # fmt: skip
    assert code == 1
    assert "no trials of benchmark 'x-y'" in printed
