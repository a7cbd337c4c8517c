"""The examples of docs/optimisers.md, each with its own library, and that of docs/searching.md."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from tests.client.adapters.libraries import library
from tests.tiny_cells import build_cells

PAGE = Path(__file__).parents[2] / "docs" / "optimisers.md"
BLOCK = re.compile(r"^<!-- run with (\w+) -->\n```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLES = dict(BLOCK.findall(PAGE.read_text()))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    build_cells(home / "releases")
    return home


def test_every_block_of_python_on_the_page_is_an_example() -> None:
    assert list(EXAMPLES) == ["numpy", "optuna", "smac", "neps", "syne_tune"]
    assert PAGE.read_text().count("```python") == len(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs_with_the_real_library(
    name: str,
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    library(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEPSBENCH_HOME", str(home))
    monkeypatch.setenv("NEPSBENCH_CACHE", str(home / "cache"))
    monkeypatch.setenv("SYNETUNE_FOLDER", str(tmp_path / "syne-tune"))
    caplog.set_level(logging.WARNING)
    exec(compile(EXAMPLES[name], f"{PAGE.name}: {name}", "exec"), {})
    assert capsys.readouterr().out


def test_the_example_of_the_page_on_search_runs_as_it_stands(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NEPSBENCH_HOME", str(home))
    monkeypatch.setenv("NEPSBENCH_CACHE", str(home / "cache"))
    [(_, block)] = BLOCK.findall((PAGE.parent / "searching.md").read_text())
    exec(compile(block, "searching.md", "exec"), {})
    assert capsys.readouterr().out == "True\n"
