"""What an optimiser is: it is asked for a configuration, and told what became of it.

An optimiser is a pure function of its problem, its seed and what it is told: the same ones ask the
same again. That is how a search is resumed, see :mod:`nepsbench.search.session`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from nepsbench.client.objective import Fidelities
from nepsbench.errors import SpecError
from nepsbench.search.candidates import Candidates, Codes
from nepsbench.search.draws import Draws


@dataclass(frozen=True)
class Problem:
    """What an optimiser knows of what it is to solve.

    Attributes:
        candidates: What it may ask for.
        fidelities: At which budgets; None: whole trainings only.
        objectives: How many errors it is told, each to be made small.
    """

    candidates: Candidates
    fidelities: Fidelities | None = None
    objectives: int = 1


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What an optimiser wants to know.

    Attributes:
        number: Counted from 0 in a search.
        codes: The encoded configuration.
        fidelity: Epoch or horizon; None: the whole training.
    """

    number: int
    codes: Codes
    fidelity: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a suggestion.

    Attributes:
        errors: To be made small, one for each objective; infinite if it failed.
        seconds: What it cost, in simulated seconds.
    """

    errors: tuple[float, ...]
    seconds: float = 0.0

    @property
    def error(self) -> float:
        """The first error."""
        return self.errors[0]


class Optimiser(ABC):
    """An optimiser; several suggestions may be open at the same time.

    Args:
        problem: What is to be solved.
        seed: Of all its draws.

    Raises:
        SpecError: If it cannot solve such a problem.
    """

    #: True if it asks at several fidelities.
    multi_fidelity: ClassVar[bool] = False
    #: True if it takes several objectives.
    multi_objective: ClassVar[bool] = False

    def __init__(self, problem: Problem, seed: int) -> None:
        name = type(self).__name__
        if problem.objectives > 1 and not self.multi_objective:
            raise SpecError(
                f"{name} takes one objective, not {problem.objectives}; choose random, "
                "optuna_nsga2 or optuna_tpe for several"
            )
        if problem.fidelities and not self.multi_fidelity:
            raise SpecError(
                f"{name} asks for whole trainings only, and the budget has several fidelities; "
                "choose successive_halving, hyperband or bohb, or say fidelity: full"
            )
        if self.multi_fidelity and not problem.fidelities:
            raise SpecError(
                f"{name} needs several fidelities, and the budget has one; choose an optimiser of "
                "whole trainings, such as random or evolution, or say fidelity: rungs"
            )
        self.problem = problem
        self.candidates = problem.candidates
        self.draws = Draws(seed)
        self._asked = 0

    @abstractmethod
    def ask(self) -> Suggestion | None:
        """Return what is to be evaluated next.

        None if it waits for what is open, or is done; such an ask changes nothing.
        """

    @abstractmethod
    def tell(self, suggestion: Suggestion, outcome: Outcome) -> None:
        """Learn what became of a suggestion, in any order."""

    def suggest(self, codes: Codes, fidelity: int | None = None) -> Suggestion:
        """Return the next suggestion with its number."""
        self._asked += 1
        return Suggestion(self._asked - 1, codes, fidelity)
