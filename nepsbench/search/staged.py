"""Hyper-parameters first, the architecture then: the two-stage baselines of NAS-HPO-Bench-II.

Source: Hirose et al., NAS-HPO-Bench-II (ACML 2021): random search or BOHB tunes the training
parameters on one random architecture, 5,000 of 20,000 simulated seconds; regularised evolution then
looks for the architecture with the best ones.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import replace

from nepsbench.errors import SpecError
from nepsbench.search.bohb import Bohb
from nepsbench.search.candidates import Candidates, Codes
from nepsbench.search.evolution import RegularisedEvolution
from nepsbench.search.optimiser import Optimiser, Outcome, Problem, Suggestion
from nepsbench.search.random_search import RandomSearch
from nepsbench.spaces.architecture import has_architecture, module_of


class _Staged(Optimiser):
    """A first optimiser on the training parameters, then evolution on the architecture."""

    def __init__(self, problem: Problem, seed: int, *, population: int, sample: int) -> None:
        super().__init__(problem, seed)
        self._population, self._sample = population, sample
        self._seed = seed
        self._architecture = _architecture_places(self.candidates)
        self._start = self.candidates.draw(self.draws)
        self._best: tuple[int, float, Codes] = (0, math.inf, self._start)
        self._second: RegularisedEvolution | None = None
        self._inner: dict[int, Suggestion] = {}
        self._spent, self._open = 0.0, 0

    def ask(self) -> Suggestion | None:
        """Return what the optimiser of the present stage asks."""
        if self._second is None and self._is_over():
            if self._open:
                return None
            self._second = self._evolution()
        inner = (self._second or self._first).ask()
        if inner is None:
            return None
        self._open += self._second is None
        fidelity = self._full if self._second else inner.fidelity
        suggestion = self.suggest(inner.codes, fidelity)
        self._inner[suggestion.number] = inner
        return suggestion

    def tell(self, suggestion: Suggestion, outcome: Outcome) -> None:
        """Tell the optimiser that asked; the best of the largest fidelity is remembered."""
        inner = self._inner.pop(suggestion.number)
        if self._second is not None:
            self._second.tell(inner, outcome)
            return
        self._open -= 1
        self._spent += outcome.seconds
        rung = suggestion.fidelity or 0
        if (-rung, outcome.error) < (-self._best[0], self._best[1]):
            self._best = (rung, outcome.error, suggestion.codes)
        self._first.tell(inner, outcome)

    _first: Optimiser
    _full: int | None = None

    @abstractmethod
    def _is_over(self) -> bool:
        """Return whether the first stage has had its part of the budget."""

    def _stage_one(self) -> Candidates:
        """Return the training parameters of the random architecture."""
        fixed = {place: self._start[place] for place in self._architecture}
        return replace(self.candidates, fixed=fixed)

    def _evolution(self) -> RegularisedEvolution:
        """Return evolution on the architectures with the best training parameters."""
        _, _, best = self._best
        fixed = {k: code for k, code in enumerate(best) if k not in self._architecture}
        problem = Problem(replace(self.candidates, fixed=fixed))
        return RegularisedEvolution(
            problem, self._seed, population=self._population, sample=self._sample
        )


class RandomThenEvolution(_Staged):
    """Random search on the training parameters, then regularised evolution on the architecture.

    Args:
        problem: What is to be solved.
        seed: Of its draws.
        seconds: Simulated seconds of the first stage.
        evaluations: Or evaluations of it, whichever is reached first.
        population: Of evolution.
        sample: Of evolution.
    """

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        seconds: float = 5000.0,
        evaluations: int | None = None,
        population: int = 10,
        sample: int = 3,
    ) -> None:
        super().__init__(problem, seed, population=population, sample=sample)
        self._seconds, self._evaluations = seconds, evaluations
        self._first = RandomSearch(Problem(self._stage_one()), seed)

    def _is_over(self) -> bool:
        counted = self._evaluations is not None and self._asked >= self._evaluations
        return counted or self._spent >= self._seconds


class BohbThenEvolution(_Staged):
    """BOHB on the training parameters, then regularised evolution at the largest fidelity.

    Args:
        problem: What is to be solved.
        seed: Of its draws.
        brackets: Of BOHB.
        samples: Of BOHB.
        eta: Of BOHB.
        population: Of evolution.
        sample: Of evolution.
    """

    multi_fidelity = True

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        brackets: int = 4,
        samples: int = 5,
        eta: float = 3,
        population: int = 10,
        sample: int = 3,
    ) -> None:
        super().__init__(problem, seed, population=population, sample=sample)
        assert problem.fidelities is not None
        self._full = problem.fidelities.values[-1]
        inner = Problem(self._stage_one(), problem.fidelities)
        self._bohb = Bohb(
            inner, seed, eta=eta, brackets=brackets, samples=samples,
            random_fraction=0.0, min_bandwidth=0.3,
        )  # fmt: skip
        self._first = self._bohb

    def _is_over(self) -> bool:
        return self._bohb.is_done


def _architecture_places(candidates: Candidates) -> frozenset[int]:
    """Return the places of the parameters that make the architecture."""
    space = candidates.space
    names = set(module_of(space).ARCHITECTURE) if has_architecture(space) else set()
    if not names or names == set(space.names):
        raise SpecError(
            f"space {space.name} has not both an architecture and training parameters, which are "
            "tuned in two stages; choose evolution or bohb"
        )
    return frozenset(k for k, name in enumerate(space.names) if name in names)
