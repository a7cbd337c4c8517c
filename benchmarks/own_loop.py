"""Our training loop, as benchmarks run it: in seconds of CPU, and in a process that stays ready."""

from __future__ import annotations

import atexit
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from typing import Any

_OF_PROCESS = ExitStack()
atexit.register(_OF_PROCESS.close)  # while torch is still there


@cache
def enter_exact_arithmetic(recipe: str) -> None:
    """Compute as a recipe says for as long as this process lives.

    Who leaves exact arithmetic after each epoch gives its memory back each time, as no trial does.
    """
    from nepsbench.training.arithmetic import exact_arithmetic
    from nepsbench.training.recipe import get_recipe

    _OF_PROCESS.enter_context(exact_arithmetic(get_recipe(recipe)))


def train(
    space: str, configuration: dict[str, Any], data: Any, *, seed: int, until: int
) -> tuple[Any, Iterator[float]]:
    """Return the network, and the seconds of each epoch's training, whatever belongs to it.

    Args:
        space: The configuration's.
        configuration: What is trained.
        data: Prepared ``TrialData``, whose settings are the trial's.
        seed: The trial's.
        until: The last epoch.
    """
    from nepsbench.training import loop

    vars(loop)["perf_counter"] = time.process_time  # the loop's own clock
    settings = data.settings
    state = loop.initial_state(space, configuration, data.problem, settings=settings, seed=seed)
    epochs = loop.train_epochs(state, data, settings=settings, seed=seed, until=until)
    return state.network, (metrics["train_duration"] for metrics in epochs)
