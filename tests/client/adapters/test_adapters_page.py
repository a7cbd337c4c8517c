"""The examples of docs/adapters.md, on small tables of every benchmark that it names."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.whole

PAGE = Path(__file__).parents[3] / "docs" / "adapters.md"
BLOCK = re.compile(r"^<!-- run with (\w+) -->\n```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLES = dict(BLOCK.findall(PAGE.read_text()))


@pytest.fixture(scope="session")
def everything(
    tmp_path_factory: pytest.TempPathFactory,
    topology: tuple[Path, Path],
    small_cells: Path,
    nashpobench2_home: Path,
    jahs_home: Path,
) -> Path:
    """A data home with the releases of them all."""
    home = tmp_path_factory.mktemp("everything")
    (home / "releases").mkdir()
    for each in (topology[1], small_cells, nashpobench2_home, jahs_home):
        for release in (each / "releases").iterdir():
            (home / "releases" / release.name).symlink_to(release)
    return home


def test_every_interface_has_an_example() -> None:
    modules = ("nasbench", "nats_bench", "nashpobench2", "nni", "jahs_bench")
    assert tuple(EXAMPLES) == modules
    assert PAGE.read_text().count("```python") == len(modules)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs(
    name: str,
    everything: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("NEPSBENCH_HOME", str(everything))
    exec(compile(EXAMPLES[name], f"{PAGE.name}: {name}", "exec"), {})
    assert capsys.readouterr().out


def test_the_interfaces_load_none_of_the_heavy_libraries() -> None:
    modules = ", ".join(f"nepsbench.client.adapters.{name}" for name in EXAMPLES)
    heavy = "torch tensorflow pandas pyarrow duckdb peewee catboost nats_bench nashpobench2api"
    program = f"import sys, {modules}; print(*[n for n in {heavy.split()} if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(PAGE.parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
