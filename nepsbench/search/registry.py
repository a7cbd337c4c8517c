"""Optimisers by name. One is imported when it is asked for, and its library with it."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from typing import Any

from nepsbench.errors import NepsbenchError, SpecError
from nepsbench.search.optimiser import Optimiser, Problem

#: Module and class of each optimiser.
_OPTIMISERS = {
    "random": ("random_search", "RandomSearch"),
    "evolution": ("evolution", "RegularisedEvolution"),
    "reinforce": ("reinforce", "Reinforce"),
    "local_search": ("local_search", "LocalSearch"),
    "successive_halving": ("halving", "SuccessiveHalving"),
    "hyperband": ("halving", "Hyperband"),
    "bohb": ("bohb", "Bohb"),
    "random_evolution": ("staged", "RandomThenEvolution"),
    "bohb_evolution": ("staged", "BohbThenEvolution"),
    "optuna_tpe": ("libraries.optuna", "OptunaTpe"),
    "optuna_nsga2": ("libraries.optuna", "OptunaNsga2"),
    "smac": ("libraries.smac", "Smac"),
    "syne_tune": ("libraries.syne_tune", "SyneTune"),
    "neps": ("libraries.neps", "Neps"),
}


def optimiser_names() -> tuple[str, ...]:
    """Return the names of all optimisers."""
    return tuple(_OPTIMISERS)


def optimiser_class(name: str) -> type[Optimiser]:
    """Return the class of an optimiser.

    Raises:
        SpecError: If there is no such optimiser.
        NepsbenchError: If its library is not installed.
    """
    if name not in _OPTIMISERS:
        raise SpecError(f"no optimiser {name!r}; choose one of {', '.join(_OPTIMISERS)}")
    module, attribute = _OPTIMISERS[name]
    found: type[Optimiser] = getattr(import_module(f"nepsbench.search.{module}"), attribute)
    return found


def describe(names: Iterable[str] | None = None) -> Iterator[tuple[str, str]]:
    """Yield each optimiser's name, and its arguments with their defaults or why it is missing."""
    for name in names or _OPTIMISERS:
        try:
            arguments = [f"{each.name}={each.default!r}" for each in _own(name)]
            yield name, ", ".join(arguments)
        except NepsbenchError as error:
            yield name, str(error)


def _own(name: str) -> list[inspect.Parameter]:
    """Return an optimiser's own arguments."""
    parameters = inspect.signature(optimiser_class(name)).parameters.values()
    return [each for each in parameters if each.kind is inspect.Parameter.KEYWORD_ONLY]


def make_optimiser(
    name: str, problem: Problem, seed: int, arguments: Mapping[str, Any] | None = None
) -> Optimiser:
    """Return a new optimiser.

    Args:
        name: One of :func:`optimiser_names`.
        problem: What it is to solve.
        seed: Of its draws.
        arguments: Its own, by name.

    Raises:
        SpecError: If there is no such optimiser or argument, or it cannot solve such a problem.
        NepsbenchError: If its library is not installed.
    """
    kind = optimiser_class(name)
    known = [each.name for each in _own(name)]
    for argument in arguments or ():
        if argument not in known:
            raise SpecError(
                f"optimiser {name} has no argument {argument!r}; it takes "
                + (", ".join(known) or "none")
            )
    return kind(problem, seed, **(arguments or {}))
