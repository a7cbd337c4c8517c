"""``nepsbench datasets`` on the command line."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from nepsbench.cli.main import app
from nepsbench.datasets import dataset_names


def run(*words: object) -> str:
    result = CliRunner().invoke(app, ["datasets", *map(str, words)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_list_has_a_line_for_each_dataset():
    head, _, *lines = run("list").splitlines()
    assert head.split()[0] == "dataset"
    assert [line.split()[0] for line in lines] == list(dataset_names())
    assert "85" in lines[10]
    assert "rel_l2" in lines[10]
    rows = json.loads(run("list", "--json"))
    assert [row["dataset"] for row in rows] == list(dataset_names())


def test_show_says_what_is_wanted():
    shown = run("show", "psicov")
    assert "files: `protein.zip`" in shown
    assert "metric: `mae8`, min" in shown


def test_prepare_writes_below_the_data_home_and_says_where(tmp_path, monkeypatch):
    monkeypatch.setenv("NEPSBENCH_HOME", str(tmp_path))
    told = run("prepare", "digits")
    assert f"{tmp_path / 'datasets' / 'digits'}" in told
    assert "1,077 train, 360 valid, 360 test" in told
    assert len(list(tmp_path.glob("datasets/digits/*/dataset.json"))) == 1
