"""Local search: to the best neighbour, until none is better; then from somewhere else.

Source: White et al., Local Search is State of the Art for Neural Architecture Search Benchmarks
(2020): all neighbours of a configuration are evaluated before the next step.
"""

from __future__ import annotations

import math

from nepsbench.search.candidates import Codes
from nepsbench.search.optimiser import Optimiser, Outcome, Problem, Suggestion


class LocalSearch(Optimiser):
    """Climbs; nothing is evaluated twice while it climbs.

    Args:
        problem: What is to be solved.
        seed: Of its draws.
        start: How many configurations are drawn; the best of them is the first to climb from.
    """

    def __init__(self, problem: Problem, seed: int, *, start: int = 1) -> None:
        super().__init__(problem, seed)
        self._start = max(start, 1)
        self._known: dict[Codes, float] = {}
        self._open: set[int] = set()
        self._best: tuple[float, Codes] | None = None
        self._round: list[Codes] = []  # what is compared with the best once all is told
        self._queue: list[Codes] = self._drawn()

    def ask(self) -> Suggestion | None:
        """Return a neighbour that was not evaluated; None while the last ones are."""
        if not self._queue and not self._open:
            self._step()
        if not self._queue:
            return None
        suggestion = self.suggest(self._queue.pop())
        self._open.add(suggestion.number)
        return suggestion

    def tell(self, suggestion: Suggestion, outcome: Outcome) -> None:
        """Learn the error of a neighbour."""
        self._open.discard(suggestion.number)
        self._known[suggestion.codes] = outcome.error

    def _step(self) -> None:
        """Go to the best of the round; where that is no better, begin anew."""
        while not self._queue:
            error, codes = min((self._known.get(each, math.inf), each) for each in self._round)
            if self._best is not None and not error < self._best[0]:
                self._best = None
                self._queue = self._drawn()
                return
            self._best = (error, codes)
            self._round = self.candidates.neighbours(codes) or [codes]
            new = [each for each in self._round if each not in self._known]
            self._queue = self.draws.shuffled(new)

    def _drawn(self) -> list[Codes]:
        self._round = [self.candidates.draw(self.draws) for _ in range(self._start)]
        return list(self._round)
