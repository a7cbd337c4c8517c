"""What all tests share, and how hypothesis, torch and xdist run here: machines are small."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.lanes import Lanes

# Each worker has a processor to itself; threads of torch and numpy would fight over it.
os.environ.setdefault("OMP_NUM_THREADS", "1")

settings.register_profile("here", deadline=None)
if settings.get_current_profile_name() == "default":
    settings.load_profile("here")  # under CI, hypothesis has a profile of its own


@pytest.hookimpl
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Lanes | None:
    """Keep the tests that share servers together (``--dist loadscope``)."""
    return Lanes(config, log) if config.getvalue("dist") == "loadscope" else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave slow tests out unless they are asked for (``-m slow``)."""
    if "slow" in config.option.markexpr:
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    if slow:
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in slow]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of published benchmarks that NEPSBENCH_SHARED_DATA names."""
    folder = os.environ.get("NEPSBENCH_SHARED_DATA")
    if not folder:
        pytest.skip("NEPSBENCH_SHARED_DATA does not name the folder of published benchmarks")
    return Path(folder)
