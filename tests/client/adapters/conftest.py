from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

import nepsbench
from nepsbench.client.table import TableBenchmark
from tests.tiny_cells import build_cells


@pytest.fixture(scope="session")
def cells(tmp_path_factory: pytest.TempPathFactory) -> TableBenchmark:
    """All cells of NAS-Bench-201 with made-up curves, two seeds each."""
    return nepsbench.load(build_cells(tmp_path_factory.mktemp("cells")))


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Optimisers write where they run, and much to the log."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SYNETUNE_FOLDER", str(tmp_path / "syne-tune"))
    caplog.set_level(logging.WARNING)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of published benchmarks that NEPSBENCH_SHARED_DATA names."""
    folder = os.environ.get("NEPSBENCH_SHARED_DATA")
    if not folder:
        pytest.skip("NEPSBENCH_SHARED_DATA does not name the folder of published benchmarks")
    return Path(folder)
