"""The state of torch on which bits depend: thread count and deterministic algorithms."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.utils.deterministic

from nepsbench.training.allocation import freed_memory_kept
from nepsbench.training.recipe import Recipe

# A module with a property, which type checkers cannot see.
_memory: Any = torch.utils.deterministic


@contextmanager
def exact_arithmetic(recipe: Recipe) -> Iterator[None]:
    """Within, torch computes as the recipe says, the same bits each time; after, as before.

    Within, memory that is freed is kept for the next batch, too.
    """
    threads = torch.get_num_threads()
    deterministic = torch.are_deterministic_algorithms_enabled()
    filling = _memory.fill_uninitialized_memory
    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    torch.set_num_threads(recipe.threads)
    torch.use_deterministic_algorithms(True)
    # Filling finds reads of uninitialised memory; our operations make none, and it costs time.
    _memory.fill_uninitialized_memory = False
    try:
        with freed_memory_kept():
            yield
    finally:
        _memory.fill_uninitialized_memory = filling
        torch.use_deterministic_algorithms(deterministic)
        torch.set_float32_matmul_precision(precision)
        torch.set_num_threads(threads)
