"""Random search: the baseline of every comparison."""

from __future__ import annotations

from nepsbench.search.optimiser import Optimiser, Outcome, Suggestion


class RandomSearch(Optimiser):
    """Draws every configuration anew, with replacement."""

    multi_objective = True

    def ask(self) -> Suggestion:
        """Return a configuration."""
        return self.suggest(self.candidates.draw(self.draws))

    def tell(self, suggestion: Suggestion, outcome: Outcome) -> None:
        """Learn nothing."""
