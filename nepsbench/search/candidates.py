"""The configurations that a search may ask for, and how to move among them.

Optimisers work on *codes*: encoded configurations, a number for each parameter, as
``Space.encode`` makes them. Every space can be walked here: what is drawn or changed is brought to
its canonical form, and what is no configuration (most changes of a cell of NAS-Bench-101) is tried
again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from nepsbench.errors import InvalidConfigurationError, NepsbenchError
from nepsbench.search.draws import Draws
from nepsbench.spaces import Categorical, FiniteSpace, Float, Space
from nepsbench.spaces.parameters import FloatArray

Codes = tuple[float, ...]

#: Changes that are tried before a new configuration is drawn instead.
_TRIES = 100
#: How far a neighbour is away in a real parameter, as a part of its (logarithmic) range.
_STEP = 0.1


@dataclass(frozen=True)
class Candidates:
    """The configurations of a space, or those of them that a table holds.

    What a search makes up and the table does not hold stands for the nearest one that it holds, as
    a nearest-neighbour surrogate answers: fewest different choices, then the smallest distance in
    the real parameters.

    Attributes:
        space: The space.
        fixed: Codes of parameters that are not searched, by their place.
        recorded: Codes of the table's configurations, shape (rows, parameters); None: all.
    """

    space: Space
    fixed: Mapping[int, float] = field(default_factory=dict)
    recorded: FloatArray | None = None

    @cached_property
    def free(self) -> tuple[int, ...]:
        """The places of the parameters that are searched."""
        return tuple(k for k in range(len(self.space.parameters)) if k not in self.fixed)

    def draw(self, draws: Draws) -> Codes:
        """Return a configuration, all equally likely as the space, or else the table, has them."""
        if self.recorded is not None and not self.fixed:
            return tuple(self.recorded[draws.below(len(self.recorded))].tolist())
        words = draws.words(self.space.words_per_draw)
        codes = self.space.draw(words[np.newaxis, :])[0].tolist()
        for place, code in self.fixed.items():
            codes[place] = code
        found = self.admit(codes)
        return self.draw(draws) if found is None else found

    def admit(self, codes: Sequence[float]) -> Codes | None:
        """Return the canonical form of codes, or the nearest recorded; None if they are none."""
        if not self._is_product:
            try:
                codes = self.space.encode(self.space.decode(codes))
            except InvalidConfigurationError:
                return None
        if self.recorded is None or tuple(codes) in self._recorded_set:
            return tuple(codes)
        return tuple(self.recorded[self._nearest(codes)].tolist())

    def mutate(self, codes: Codes, draws: Draws) -> Codes:
        """Return a configuration that differs in one parameter; another one, if none is found."""
        for _ in range(_TRIES):
            place = draws.choice(self.free)
            parameter = self.space.parameters[place]
            changed = list(codes)
            if isinstance(parameter, Categorical):
                others = len(parameter.choices) - 1
                if not others:
                    continue
                code = draws.below(others)
                changed[place] = float(code + (code >= codes[place]))
            else:
                changed[place] = from_unit(parameter, draws.uniform())
            found = self.admit(changed)
            if found is not None and found != codes:
                return found
        return self.draw(draws)

    def neighbours(self, codes: Codes) -> list[Codes]:
        """Return all configurations that differ in one parameter, each once.

        In a real parameter, they are a tenth of its range above and below.
        """
        found = (self.admit(changed) for changed in self._changed(codes))
        return [each for each in dict.fromkeys(found) if each is not None and each != codes]

    def _changed(self, codes: Codes) -> Iterator[list[float]]:
        for place in self.free:
            parameter = self.space.parameters[place]
            if isinstance(parameter, Categorical):
                values = [float(code) for code in range(len(parameter.choices))]
            else:
                unit = to_unit(parameter, codes[place])
                values = [from_unit(parameter, min(max(unit + step, 0.0), 1.0))
                          for step in (-_STEP, _STEP)]  # fmt: skip
            for value in values:
                if value != codes[place]:
                    yield [*codes[:place], value, *codes[place + 1 :]]

    @cached_property
    def _is_product(self) -> bool:
        """True if any choices together are a configuration, in its own form."""
        return type(self.space).encode is Space.encode

    @cached_property
    def _recorded_set(self) -> frozenset[Codes]:
        assert self.recorded is not None
        return frozenset(map(tuple, self.recorded.tolist()))

    @cached_property
    def _recorded_units(self) -> FloatArray:
        assert self.recorded is not None
        return self._units(self.recorded)

    def _units(self, rows: FloatArray) -> FloatArray:
        return np.column_stack(
            [
                rows[:, k] if isinstance(p, Categorical) else [to_unit(p, x) for x in rows[:, k]]
                for k, p in enumerate(self.space.parameters)
            ]
        )

    def _nearest(self, codes: Sequence[float]) -> int:
        units = self._units(np.array([codes]))
        away = np.abs(self._recorded_units - units)
        chosen = np.array([isinstance(p, Categorical) for p in self.space.parameters])
        return int(np.argmin((away[:, chosen] > 0).sum(axis=1) + away[:, ~chosen].sum(axis=1)))


def candidates_of(bench: Any) -> Candidates:
    """Return what a search on a benchmark may ask for.

    A surrogate, a live one or an object of one's own answers for the whole space; a table for what
    it holds.

    Raises:
        NepsbenchError: If a table holds nothing.
    """
    space: Space = bench.space
    if not hasattr(bench, "configurations"):
        return Candidates(space)
    if not len(bench):
        raise NepsbenchError(f"{bench.name} {bench.version} holds no configuration to search in")
    if isinstance(space, FiniteSpace) and len(bench) == space.size:
        return Candidates(space)
    codes = np.array([space.encode(each) for each in bench.configurations()])
    return Candidates(space, recorded=codes)


def to_unit(parameter: Float, code: float) -> float:
    """Return where a real parameter's code lies in its (logarithmic) range, from 0 to 1."""
    low, high = parameter.lower, parameter.upper
    if parameter.log:
        return math.log(code / low) / math.log(high / low)
    return (code - low) / (high - low)


def from_unit(parameter: Float, unit: float) -> float:
    """Return the code at a place of the range; the inverse of :func:`to_unit`."""
    return float(parameter.from_uniform(np.array([unit]))[0])
