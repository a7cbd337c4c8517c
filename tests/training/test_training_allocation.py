"""Memory that is freed within training stays with the process."""

from __future__ import annotations

import platform
import resource
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
import torch

from nepsbench.training.allocation import freed_memory_kept

_NUMBERS = 8 << 20  # of four bytes: 8192 pages

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="settings of glibc")


def faults(times: int) -> int:
    """Return the pages that the system had to provide for large tensors that come and go."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        torch.ones(_NUMBERS)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def resident() -> int:
    """Return the megabytes that the process holds."""
    (line,) = (x for x in Path("/proc/self/status").read_text().splitlines() if "VmRSS" in x)
    return int(line.split()[1]) >> 10


def pages_once_warm() -> int:
    """Return the new pages that ten large tensors take within it, after twenty others."""
    with freed_memory_kept():
        faults(20)
        return faults(10)


def megabytes_given_back() -> int:
    """Return by how much the process shrinks where it ends."""
    with freed_memory_kept():
        faults(1)
        held = resident()
    return held - resident()


def in_a_new_process(measure: Callable[[], int]) -> int:
    """Return what `measure` finds where no other test has shaped the heap."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(measure).result()


def test_within_it_tensors_come_and_go_without_new_pages():
    assert in_a_new_process(pages_once_warm) < 100


def test_after_it_the_system_has_the_memory_back():
    assert in_a_new_process(megabytes_given_back) >= 30
