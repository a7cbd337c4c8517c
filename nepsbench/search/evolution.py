"""Regularised evolution: the oldest dies, whatever it is worth.

Source: Real et al., Regularized Evolution for Image Classifier Architecture Search (AAAI 2019).
Defaults: NAS-HPO-Bench-II's population of 10 and sample of 3, one gene changed a child.
"""

from __future__ import annotations

from collections import deque

from nepsbench.errors import SpecError
from nepsbench.search.candidates import Codes
from nepsbench.search.optimiser import Optimiser, Outcome, Problem, Suggestion


class RegularisedEvolution(Optimiser):
    """Changes one parameter of the best of a sample; children take the place of the oldest.

    Args:
        problem: What is to be solved.
        seed: Of its draws.
        population: How many live at the same time; as many are drawn first.
        sample: How many are looked at, without replacement, to choose a parent.
        first: What stands in the first population beside what is drawn.
    """

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        population: int = 10,
        sample: int = 3,
        first: tuple[Codes, ...] = (),
    ) -> None:
        super().__init__(problem, seed)
        if not 1 <= sample <= population:
            raise SpecError(
                f"evolution: a sample of {sample} of a population of {population}; give a sample "
                "from 1 to the population"
            )
        self._size, self._sample = population, sample
        self._first = deque(first[:population])
        self._living: deque[tuple[float, Codes]] = deque(maxlen=population)

    def ask(self) -> Suggestion:
        """Return one of the first population, or a child of those that were told."""
        if self._first:
            return self.suggest(self._first.popleft())
        if self._asked < self._size or not self._living:
            return self.suggest(self.candidates.draw(self.draws))
        sampled = self.draws.sample(self._living, self._sample)
        _, parent = min(sampled, key=lambda one: one[0])
        return self.suggest(self.candidates.mutate(parent, self.draws))

    def tell(self, suggestion: Suggestion, outcome: Outcome) -> None:
        """Let it live, and the oldest die."""
        self._living.append((outcome.error, suggestion.codes))
