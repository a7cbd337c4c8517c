from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the stamps of verified releases out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEPSBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
