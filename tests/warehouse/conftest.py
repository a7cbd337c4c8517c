from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from nepsbench.warehouse import Warehouse, open_warehouse


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "data home [it's odd]"


@pytest.fixture
def warehouse(home: Path) -> Warehouse:
    return open_warehouse(home)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 2 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("mounting a tiny disk needs root")
    yield place
    subprocess.run(["umount", str(place)], check=True)
