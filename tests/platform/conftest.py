"""A platform of its own for each test: nothing of the user's is touched."""

from pathlib import Path

import pytest

from include.platform.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        state=tmp_path / "state",
        home=tmp_path / "home",
        dags=tmp_path / "dags",
        clusters=(tmp_path / "clusters",),
        slurm=tmp_path / "slurm",
    )
