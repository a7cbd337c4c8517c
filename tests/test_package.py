"""What the wheel and the source archive hold, and what the package says of itself."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import nepsbench

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source archive."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_wheel_holds_every_file_of_the_package_and_no_other(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if "dist-info" not in name}
    listed = subprocess.run(
        ["git", "ls-files", "nepsbench"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()
    assert inside == {name for name in listed if (ROOT / name).exists()}
    assert "nepsbench/py.typed" in inside


def test_the_source_archive_has_what_builds_it(built: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    needed = {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "nepsbench/__init__.py"}
    assert needed < names
    assert not any(name.startswith(("tests", "dags", "warehouse")) for name in names)


def test_the_version_stands_in_one_place_and_in_the_metadata(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    archive = zipfile.ZipFile(wheel)
    (metadata,) = (name for name in archive.namelist() if name.endswith("METADATA"))
    lines = archive.read(metadata).decode().splitlines()
    assert f"Version: {nepsbench.__version__}" in lines
    assert len(nepsbench.__version__.split(".")) == 3
    base = [line for line in lines if line.startswith("Requires-Dist") and "extra ==" not in line]
    assert {line.split()[1].partition(">")[0] for line in base} == {"duckdb", "numpy"}


def test_without_typer_the_command_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['typer'] = None; sys.argv = ['nepsbench', 'info']; "
        "import nepsbench.cli; nepsbench.cli.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == "error: typer is not installed; run: pip install 'nepsbench[cli]'\n"
