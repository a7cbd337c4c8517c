"""Optimisers, asked and told; searches on a simulated cluster; studies that compare them.

>>> from nepsbench.search import Session, problem_of                   # doctest: +SKIP
>>> session = Session("evolution", problem_of(bench), seed=1)          # doctest: +SKIP
>>> suggestion = session.ask()                                         # doctest: +SKIP
"""

from __future__ import annotations

from typing import Any

from nepsbench.client.objective import fidelities
from nepsbench.search.candidates import candidates_of
from nepsbench.search.optimiser import Problem
from nepsbench.search.registry import optimiser_names
from nepsbench.search.session import Session

__all__ = ["Problem", "Session", "optimiser_names", "problem_of"]


def problem_of(
    bench: Any, *, metric: str = "valid_acc", rungs: bool = False, objectives: int = 1
) -> Problem:
    """Return what a benchmark asks of an optimiser.

    Args:
        bench: Any benchmark object.
        metric: What is optimised.
        rungs: True for optimisers that ask at several fidelities.
        objectives: How many errors are told.

    Raises:
        NepsbenchError: If it has no such metric, or holds no configuration.
    """
    known = fidelities(bench, metric)
    return Problem(candidates_of(bench), known if rungs else None, objectives)
