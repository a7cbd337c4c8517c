"""NePS's optimisers of whole trainings, by its own ask-and-tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# First, since it says in one line where NePS is not installed.
from nepsbench.client.adapters.neps import pipeline_space
from nepsbench.errors import SpecError
from nepsbench.search.libraries.borrowed import Borrowed
from nepsbench.search.optimiser import Problem
from nepsbench.spaces import Categorical, Space

# isort: split
from neps.optimizers.algorithms import (
    PredefinedOptimizers,
    convert_neps_to_classic_search_space,
)
from neps.optimizers.ask_and_tell import AskAndTell

#: Its name here and there, and whether it takes the older kind of space.
_ALGORITHMS = {
    "bayesian_optimization": ("bayesian_optimization", True),
    "regularized_evolution": ("neps_regularized_evolution", False),
    "random_search": ("random_search", True),
}


class Neps(Borrowed):
    """An algorithm with its defaults.

    Args:
        problem: What is to be solved.
        seed: Of its draws.
        algorithm: ``bayesian_optimization``, ``regularized_evolution`` or ``random_search``.
    """

    def __init__(
        self, problem: Problem, seed: int, *, algorithm: str = "bayesian_optimization"
    ) -> None:
        super().__init__(problem, seed)
        if algorithm not in _ALGORITHMS:
            known = ", ".join(_ALGORITHMS)
            raise SpecError(f"neps: no algorithm {algorithm!r}; choose one of {known}")
        name, is_classic = _ALGORITHMS[algorithm]
        space = pipeline_space(self)
        with self._own_draws():
            chosen = convert_neps_to_classic_search_space(space) if is_classic else space
            self._study = AskAndTell(PredefinedOptimizers[name](chosen))

    @property
    def space(self) -> Space:
        """The space, as an adapter asks for it."""
        return self._space

    def _suggested(self) -> tuple[str, Mapping[str, Any]]:
        trial = self._study.ask()
        return trial.metadata.id, _plain(trial.config, self._space)

    def _told(self, trial: str, error: float) -> None:
        self._study.tell(trial, error)


def _plain(config: Mapping[str, Any], space: Space) -> dict[str, Any]:
    """Return a configuration by the parameters' names.

    Where NePS resolves a space, a key is ``SAMPLING__Resolvable.<name>::<kind>``, and a choice is
    told by its place.
    """
    found = {}
    for key, value in config.items():
        name, resolved, _ = key.rpartition("Resolvable.")[2].partition("::")
        parameter = space.parameter(name)
        if resolved and isinstance(parameter, Categorical):
            value = parameter.choices[value]
        found[name] = value
    return found
