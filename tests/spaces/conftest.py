"""Real data where it is there, and slow tests only where they are asked for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of published benchmarks that NEPSBENCH_SHARED_DATA names."""
    folder = os.environ.get("NEPSBENCH_SHARED_DATA")
    if not folder:
        pytest.skip("NEPSBENCH_SHARED_DATA does not name the folder of published benchmarks")
    return Path(folder)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "slow" in config.option.markexpr:
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    if slow:
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in slow]
