"""BOHB: Hyperband whose new configurations come from a model of the good ones.

Source: Falkner et al., BOHB (ICML 2018), algorithm 2, with the constants of the authors'
HpBandSter. NAS-HPO-Bench-II runs it with ``samples=4, random_fraction=0, min_bandwidth=0.3``.
"""

from __future__ import annotations

import math

import numpy as np

from nepsbench.search.candidates import Codes, from_unit, to_unit
from nepsbench.search.halving import Hyperband
from nepsbench.search.kde import Density
from nepsbench.search.optimiser import Outcome, Problem, Suggestion
from nepsbench.spaces import Categorical

_TINY = 1e-32


class Bohb(Hyperband):
    """Hyperband with a kernel density model at the largest budget that has points enough.

    Args:
        problem: What is to be solved.
        seed: Of its draws.
        eta: As of Hyperband.
        brackets: As of Hyperband.
        samples: Draws from the good ones' density, of which the one with the best ratio of good to
            bad is taken.
        random_fraction: Share of new configurations that are drawn without the model.
        bandwidth_factor: How much wider than the model's the draws' bandwidths are.
        min_bandwidth: The smallest bandwidth.
        top: Share of the configurations that are good.
    """

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        eta: float = 3,
        brackets: int | None = None,
        samples: int = 64,
        random_fraction: float = 1 / 3,
        bandwidth_factor: float = 3,
        min_bandwidth: float = 1e-3,
        top: float = 0.15,
    ) -> None:
        super().__init__(problem, seed, eta=eta, brackets=brackets)
        self._samples, self._random = samples, random_fraction
        self._factor, self._least, self._top = bandwidth_factor, min_bandwidth, top
        self._told: dict[int, list[tuple[float, Codes]]] = {rung: [] for rung in self.rungs}
        self._models: dict[int, tuple[Density, Density]] = {}
        self._parameters = [(k, self.candidates.space.parameters[k]) for k in self.candidates.free]
        self._choices = [len(p.choices) if isinstance(p, Categorical) else 0
                         for _, p in self._parameters]  # fmt: skip
        #: HpBandSter's: one more than there are parameters.
        self._enough = len(self._parameters) + 1

    def first_size(self, halvings: int, most: int) -> int:
        """Return how many configurations a bracket starts with; HpBandSter rounds down."""
        return int((most + 1) // (halvings + 1) * self._eta**halvings)

    def tell(self, suggestion: Suggestion, outcome: Outcome) -> None:
        """Tell the bracket, and let the model of the budget be made anew."""
        super().tell(suggestion, outcome)
        assert suggestion.fidelity is not None
        self._told[suggestion.fidelity].append((outcome.error, suggestion.codes))
        self._models.pop(suggestion.fidelity, None)

    def propose(self) -> Codes:
        """Return the best of some draws from the good ones, or a random one."""
        model = None if self.draws.uniform() < self._random else self._model()
        if model is None:
            return self.candidates.draw(self.draws)
        good, bad = model
        points = np.array([good.draw(self.draws, self._factor) for _ in range(self._samples)])
        ratios = np.maximum(bad.at(points), _TINY) / np.maximum(good.at(points), _TINY)
        for place in np.argsort(ratios, kind="stable"):
            found = self.candidates.admit(self._codes(points[place].tolist()))
            if found is not None:
                return found
        return self.candidates.draw(self.draws)

    def _model(self) -> tuple[Density, Density] | None:
        """Return the densities of good and bad at the largest budget with points enough."""
        for rung in reversed(self.rungs):
            if len(self._told[rung]) >= self._enough + 2:
                if rung not in self._models:
                    self._models[rung] = self._fitted(self._told[rung])
                return self._models[rung]
        return None

    def _fitted(self, told: list[tuple[float, Codes]]) -> tuple[Density, Density]:
        ordered = sorted(told, key=lambda one: one[0])
        good = max(self._enough, math.floor(self._top * len(ordered)))
        bad = max(self._enough, math.floor((1 - self._top) * len(ordered)))
        rows = np.array([self._point(codes) for _, codes in ordered])
        return (
            Density(rows[:good], self._choices, self._least),
            Density(rows[-bad:], self._choices, self._least),
        )

    def _point(self, codes: Codes) -> list[float]:
        return [
            codes[place] if isinstance(parameter, Categorical) else to_unit(parameter, codes[place])
            for place, parameter in self._parameters
        ]

    def _codes(self, point: list[float]) -> list[float]:
        space, fixed = self.candidates.space, self.candidates.fixed
        codes = [fixed.get(place, 0.0) for place in range(len(space.parameters))]
        for (place, parameter), value in zip(self._parameters, point, strict=True):
            codes[place] = (
                value if isinstance(parameter, Categorical) else from_unit(parameter, value)
            )
        return codes
