"""Which libraries of others must be there: those of the lock file, and no others."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

_LOCK = Path(__file__).parents[3] / "requirements.lock"
_PACKAGES = {
    "nats_bench": "nats-bench",
    "neps": "neural-pipeline-search",
    "syne_tune": "syne-tune",
}


def library(name: str) -> ModuleType:
    """Import a library; skip the test where the lock does not have it and nobody installed it."""
    package = re.escape(_PACKAGES.get(name, name))
    if re.search(rf"^{package}==", _LOCK.read_text(), flags=re.MULTILINE):
        return import_module(name)
    return pytest.importorskip(name, reason=f"{name} is neither in requirements.lock nor here")
