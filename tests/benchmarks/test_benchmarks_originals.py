"""The originals are compared where they can be installed; elsewhere the reason is told."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from benchmarks.bench_originals import compare, figures, require_equal
from benchmarks.figure import Figure, Result
from benchmarks.originals_tables import write_nni
from benchmarks.results import row
from benchmarks.theirs import NNI_QUERY, nni_arch

pytestmark = pytest.mark.whole


def test_without_an_index_the_comparison_is_skipped_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "NEPSBENCH_CACHE": str(tmp_path / "cache"),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(tmp_path),
        "PIP_CONFIG_FILE": "/dev/null",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    figure = next(figure for figure in figures() if figure.name == "against-simple-hpo")
    assert figure.prepare is not None
    figure.prepare(tmp_path)
    report = compare("simple-hpo")
    assert set(report) == {"skipped"}
    assert "pip cannot install nats-bench==1.8" in report["skipped"]
    shown = row(Result(Figure("x", "X", ()), (1.0,), 1.0, report))
    assert "skipped pip cannot install" in shown


def test_without_shared_data_nats_bench_is_skipped_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NEPSBENCH_SHARED_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    figure = next(figure for figure in figures() if figure.name == "against-nats")
    assert figure.prepare is not None
    figure.prepare(tmp_path)
    assert "NEPSBENCH_SHARED_DATA" in compare("nats")["skipped"]


def test_different_answers_stop_the_comparison() -> None:
    require_equal([[1.0, "a"]], [[1.0 + 1e-12, "a"]])
    with pytest.raises(SystemExit, match="they answer"):
        require_equal([[1.0]], [[1.001]])


def test_the_made_up_database_of_nni_is_the_table_that_we_publish(tmp_path: Path) -> None:
    block = write_nni(tmp_path / "nni.db")
    number = 4321
    database = sqlite3.connect(tmp_path / "nni.db")
    database.execute("analyze")
    valid, test, seconds = database.execute(NNI_QUERY, (nni_arch(number),)).fetchone()
    rows = slice(3 * number, 3 * number + 3)
    for metric, value in {"valid_acc": valid, "test_acc": test, "runtime": seconds}.items():
        assert np.mean(block.epoch_metrics[metric][rows]) == pytest.approx(value, rel=1e-12)
