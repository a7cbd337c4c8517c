"""Numbers of configurations and of their trials, for files that say neither."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from nepsbench.spaces import FiniteSpace, Space


@dataclass
class Numbering:
    """Counts configurations and their trials as they come.

    Of a finite space, a configuration has the space's own number; of another, configurations are
    numbered as they come, by part of the import.
    """

    _numbers: dict[str, dict[tuple[float, ...], int]] = field(default_factory=dict)
    _repeats: dict[str, Counter[int]] = field(default_factory=dict)

    def number(self, part: str, space: Space, codes: tuple[float, ...]) -> int:
        """Return the number of an encoded configuration in a part of the import."""
        if isinstance(space, FiniteSpace):
            return space.index(space.decode(codes))
        known = self._numbers.setdefault(part, {})
        return known.setdefault(codes, len(known))

    def repeat(self, part: str, number: int) -> int:
        """Return the next number, from 1, of a trial of a configuration."""
        counts = self._repeats.setdefault(part, Counter())
        counts[number] += 1
        return counts[number]
