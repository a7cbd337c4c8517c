"""What a process asks of torch's arithmetic has no say in a training, and stays as it was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from nepsbench.training.arithmetic import exact_arithmetic
from nepsbench.training.recipe import get_recipe


def settings() -> dict[str, Any]:
    return {
        "threads": torch.get_num_threads(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "precision": torch.get_float32_matmul_precision(),
    }


@pytest.fixture(autouse=True)
def careless() -> Iterator[None]:
    """A process that asks for two threads and for fast products."""
    before = settings()
    torch.set_num_threads(2)
    torch.set_float32_matmul_precision("medium")
    yield
    torch.set_num_threads(before["threads"])
    torch.set_float32_matmul_precision(before["precision"])


def test_within_all_is_exact_and_after_it_all_is_as_before() -> None:
    before = settings()
    with exact_arithmetic(get_recipe("nepsbench101")):
        assert settings() == {"threads": 1, "deterministic": True, "precision": "highest"}
    assert settings() == before
    with (
        pytest.raises(ZeroDivisionError),
        exact_arithmetic(get_recipe("nepsbench101")),
    ):
        _ = 1 / 0
    assert settings() == before
