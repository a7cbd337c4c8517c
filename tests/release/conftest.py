from __future__ import annotations

from pathlib import Path

import pytest

from nepsbench.release import build_release
from tests.tiny_benchmark import INFO, NAME, odd_tables


@pytest.fixture
def release(tmp_path: Path) -> Path:
    trials, epochs = odd_tables()
    return build_release(
        name=NAME,
        version="1.0.0",
        benchmark_info=INFO,
        trials=trials,
        epochs=epochs,
        surrogate=None,
        card=None,
        target=tmp_path / "releases",
    )
