"""Successive halving and Hyperband: many at a small budget, the best of them at a larger one.

Sources: Jamieson and Talwalkar, Non-stochastic Best Arm Identification and Hyperparameter
Optimization (AISTATS 2016); Li et al., Hyperband (JMLR 2018), algorithm 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from nepsbench.errors import SpecError
from nepsbench.search.candidates import Codes
from nepsbench.search.optimiser import Optimiser, Outcome, Problem, Suggestion


class Bracket:
    """One successive halving: how many configurations at which rung, and how far it is.

    Args:
        sizes: Configurations at each rung, descending.
        rungs: Their budgets, ascending.
    """

    def __init__(self, sizes: Sequence[int], rungs: Sequence[int]) -> None:
        self.sizes, self.rungs = list(sizes), list(rungs)
        self._rung = 0
        self._to_start: list[Codes] | None = None  # None: new ones
        self._started = 0
        self._told: list[tuple[float, Codes]] = []

    @property
    def fidelity(self) -> int:
        """The budget of the present rung."""
        return self.rungs[self._rung]

    @property
    def can_start(self) -> bool:
        """True if a configuration of the present rung is not started yet."""
        return self._started < self.sizes[self._rung]

    @property
    def is_done(self) -> bool:
        """True if nothing follows the last rung."""
        return self._rung == len(self.rungs) - 1 and len(self._told) == self.sizes[-1]

    def start(self) -> Codes | None:
        """Return the configuration that is to be started; None: one that is new."""
        self._started += 1
        return None if self._to_start is None else self._to_start[self._started - 1]

    def tell(self, codes: Codes, error: float) -> None:
        """Take an error of the present rung; the last one of it makes the next rung."""
        self._told.append((error, codes))
        if len(self._told) < self.sizes[self._rung] or self.is_done:
            return
        finite = sorted(
            (one for one in self._told if math.isfinite(one[0])), key=lambda one: one[0]
        )
        best = [codes for _, codes in finite[: self.sizes[self._rung + 1]]]
        if not best:  # all failed
            self.sizes, self.rungs = self.sizes[: self._rung + 1], self.rungs[: self._rung + 1]
            return
        self._rung += 1
        self.sizes[self._rung] = len(best)
        self._to_start, self._started, self._told = best, 0, []


class Hyperband(Optimiser):
    """Brackets one after another, from many configurations at small budgets to few at large ones.

    A bracket that waits for results lets the next one begin, so that no worker is idle.

    Args:
        problem: What is to be solved.
        seed: Of its draws.
        eta: One of ``eta`` goes on; the next rung has ``eta`` times the budget.
        brackets: How many there are; None: without end.
    """

    multi_fidelity = True

    def __init__(
        self, problem: Problem, seed: int, *, eta: float = 3, brackets: int | None = None
    ) -> None:
        super().__init__(problem, seed)
        assert problem.fidelities is not None
        self.rungs = problem.fidelities.rungs(eta)
        if len(self.rungs) < 2:
            raise SpecError(
                f"{type(self).__name__}: fidelities from {self.rungs[0]} to {self.rungs[-1]} make "
                f"no two rungs with eta={eta:g}; give a wider range, or a smaller eta"
            )
        self._eta, self._brackets = eta, brackets
        self._opened = 0
        self._running: list[Bracket] = []
        self._of: dict[int, Bracket] = {}

    def ask(self) -> Suggestion | None:
        """Return the next of the oldest bracket that does not wait, or of a new one."""
        bracket = next((each for each in self._running if each.can_start), None)
        if bracket is None:
            if self._opened == self._brackets:
                return None
            bracket = self.bracket(self._opened)
            self._opened += 1
            self._running.append(bracket)
        fidelity = bracket.fidelity
        codes = bracket.start()
        suggestion = self.suggest(self.propose() if codes is None else codes, fidelity)
        self._of[suggestion.number] = bracket
        return suggestion

    def tell(self, suggestion: Suggestion, outcome: Outcome) -> None:
        """Tell the suggestion's bracket."""
        bracket = self._of.pop(suggestion.number)
        bracket.tell(suggestion.codes, outcome.error)
        if bracket.is_done:
            self._running.remove(bracket)

    @property
    def is_done(self) -> bool:
        """True if all brackets are."""
        return self._opened == self._brackets and not self._running

    def propose(self) -> Codes:
        """Return a new configuration."""
        return self.candidates.draw(self.draws)

    def bracket(self, number: int) -> Bracket:
        """Return a new bracket: the first has all rungs, each next one fewer, in turn."""
        most = len(self.rungs) - 1
        halvings = most - number % len(self.rungs)
        first = self.first_size(halvings, most)
        sizes = [max(int(first * self._eta**-rung), 1) for rung in range(halvings + 1)]
        return Bracket(sizes, self.rungs[most - halvings :])

    def first_size(self, halvings: int, most: int) -> int:
        """Return how many configurations a bracket starts with; line 3 of algorithm 1."""
        return math.ceil((most + 1) / (halvings + 1) * self._eta**halvings)


class SuccessiveHalving(Hyperband):
    """Brackets of all rungs, again and again."""

    def bracket(self, number: int) -> Bracket:  # noqa: ARG002
        """Return a new bracket, from ``eta`` to the number of halvings down to one."""
        return super().bracket(0)
