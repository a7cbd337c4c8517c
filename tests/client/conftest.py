from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import nepsbench
from nepsbench.client.table import TableBenchmark
from nepsbench.release import build_release
from nepsbench.surrogate import fit
from nepsbench.surrogate.fitting import Boosting
from tests.tiny_benchmark import INFO, NAME, odd_tables


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the stamps of verified releases out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEPSBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data home with one release, made of trials with everything that can be odd about them."""
    home = tmp_path_factory.mktemp("home")
    trials, epochs = odd_tables()
    build_release(
        name=NAME,
        version="1.0.0",
        benchmark_info=INFO,
        trials=trials,
        epochs=epochs,
        surrogate=fit(trials, epochs, space="nepsbench101", boosting=Boosting(iterations=20)),
        card=None,
        target=home / "releases",
    )
    return home


@pytest.fixture(scope="session")
def table(home: Path) -> TableBenchmark:
    return nepsbench.load(NAME, home=home)
