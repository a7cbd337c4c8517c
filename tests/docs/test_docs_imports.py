"""The example of docs/imports.md: its files, its commands and its Python, in that order."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nepsbench.cli.main import app
from nepsbench.warehouse.importers import KINDS
from nepsbench.warehouse.importers.mapping import shipped_mappings

PAGE = (Path(__file__).parents[2] / "docs" / "imports.md").read_text()
FILES = dict(re.findall(r"^<!-- file (\S+) -->\n```\w+\n(.*?)^```$", PAGE, re.M | re.S))
PYTHON = re.findall(r"^<!-- run mlp -->\n```python\n(.*?)^```$", PAGE, re.M | re.S)
COMMANDS = re.findall(r"^nepsbench (.* mlp.*)$", PAGE, re.M)


def test_the_page_has_a_section_for_every_kind_and_names_every_mapping() -> None:
    for kind in KINDS:
        assert re.search(rf"^Kind `{kind}`: ", PAGE, re.M), kind
    for name in shipped_mappings():
        assert f"| `{name}` |" in PAGE


def test_the_example_of_a_mapping_file_runs_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEPSBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NEPSBENCH_CACHE", str(tmp_path / "cache"))
    assert list(FILES) == ["mlp.csv", "mlp.yaml"]
    for name, text in FILES.items():
        Path(name).write_text(text)
    imported, told = (
        CliRunner().invoke(app, shlex.split(command), catch_exceptions=False).output
        for command in COMMANDS
    )
    assert "import mlp is in the warehouse now" in imported
    assert "citation: Somebody (2026)" in told
    assert "Seed 8 of two layers lost its last error." in told
    first, second = PYTHON
    exec(compile(first, "imports.md", "exec"), {})
    printed = capsys.readouterr().out.splitlines()
    assert f"prints `{printed[0]}` and the curve" in PAGE
    assert printed[1] == str(
        {1: {"valid_acc": 48.0, "runtime": 30.0}, 2: {"valid_acc": 59.0, "runtime": 60.0}}
    )
    exec(compile(second, "imports.md", "exec"), {})
    assert capsys.readouterr().out == "{'mlp-digits': 3}\n"
