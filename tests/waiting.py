"""Waiting for what happens in other processes, as long as a slow machine needs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def wait_until(
    holds: Callable[[], Any], *, seconds: float = 300, what: Callable[[], object] = lambda: "waited"
) -> Any:
    """Return what ``holds`` returns, once that is true; ``what`` tells what is there instead.

    The limit only ends what hangs: shorter ones fail on a busy machine and show nothing more.
    """
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline, f"{what()} (for {seconds} s)"
        time.sleep(0.1)
    return found
