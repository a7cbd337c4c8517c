from __future__ import annotations

from pathlib import Path

import pytest

from nepsbench.warehouse import Warehouse, open_warehouse


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "data home [it's odd]"


@pytest.fixture
def warehouse(home: Path) -> Warehouse:
    return open_warehouse(home)
