"""Syne Tune's schedulers of whole trainings, by its own ask-and-tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# First, since it says in one line where Syne Tune is not installed.
from nepsbench.client.adapters.syne_tune import configuration_space
from nepsbench.errors import SpecError
from nepsbench.search.libraries.borrowed import Borrowed
from nepsbench.search.optimiser import Problem

# isort: split
from syne_tune.optimizer import baselines
from syne_tune.optimizer.schedulers.ask_tell_scheduler import AskTellScheduler

_SCHEDULERS = ("REA", "TPE", "CQR", "BORE")


class SyneTune(Borrowed):
    """A scheduler with its defaults.

    Args:
        problem: What is to be solved.
        seed: Of its draws.
        scheduler: Its class, one of ``syne_tune.optimizer.baselines``.
    """

    def __init__(self, problem: Problem, seed: int, *, scheduler: str = "REA") -> None:
        super().__init__(problem, seed)
        if scheduler not in _SCHEDULERS:
            known = ", ".join(_SCHEDULERS)
            raise SpecError(f"syne_tune: no scheduler {scheduler!r}; choose one of {known}")
        kind = getattr(baselines, scheduler)
        with self._own_draws():
            made = kind(configuration_space(self._space), metric="error", random_seed=seed)
        self._scheduler = AskTellScheduler(made)

    def _suggested(self) -> tuple[Any, Mapping[str, Any]]:
        trial = self._scheduler.ask()
        return trial, trial.config

    def _told(self, trial: Any, error: float) -> None:
        self._scheduler.tell(trial, {"error": error})
