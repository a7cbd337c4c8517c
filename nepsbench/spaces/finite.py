"""Spaces whose configurations have numbers, from 0; tables are asked by them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np
from numpy.typing import NDArray

from nepsbench.errors import InvalidConfigurationError
from nepsbench.spaces.parameters import Categorical, FloatArray, Scalar
from nepsbench.spaces.space import Configuration, Space


@dataclass(frozen=True)
class FiniteSpace(Space):
    """A space of choices. Without more said, the number counts like digits, the last one fastest.

    A subclass whose benchmark counts otherwise overrides :attr:`size`, :meth:`codes_at`,
    :meth:`indices_of`, and ``_number_of_digits`` and ``_digits_of_number`` unless it overrides
    :meth:`encode`, too.
    """

    @property
    def size(self) -> int:
        """How many configurations there are."""
        return prod(self._radices)

    def codes_at(self, indices: NDArray[np.int64]) -> FloatArray:
        """Return the encoded configurations with these numbers, shape (rows, parameters)."""
        rest = np.array(indices, dtype=np.int64)
        codes = np.empty((len(rest), len(self.parameters)))
        for column in reversed(range(len(self.parameters))):
            rest, codes[:, column] = np.divmod(rest, self._radices[column])
        return codes

    def indices_of(self, codes: FloatArray) -> NDArray[np.int64]:
        """Return the number of each row of encoded configurations."""
        indices = np.zeros(len(codes), dtype=np.int64)
        for column, radix in enumerate(self._radices):
            indices = indices * radix + codes[:, column].astype(np.int64)
        return indices

    def index(self, configuration: Mapping[str, Scalar]) -> int:
        """Return the number of a configuration.

        Raises:
            InvalidConfigurationError: If it lies outside the space.
        """
        try:
            number = self._quick_index(configuration)
        except (KeyError, TypeError):
            number = None
        if number is None:  # not as plain as it seems, or not in the space: that is told in words
            number = int(self.indices_of(np.array([self.encode(configuration)]))[0])
        return number

    def at(self, index: int) -> Configuration:
        """Return the configuration with this number.

        Raises:
            InvalidConfigurationError: If there is none.
        """
        self.check_index(index)
        if self._counts_choices:
            digits = self._digits_of_number(int(index))
            return {
                name: choices[digits // power % len(choices)]
                for name, power, choices in self._choice_powers
            }
        return self.decode(self.codes_at(np.array([index], dtype=np.int64))[0].tolist())

    def check_index(self, index: int) -> None:
        """Raise unless ``index`` is a whole number of this space.

        Raises:
            InvalidConfigurationError: If it is anything else.
        """
        if isinstance(index, bool) or not hasattr(index, "__index__") or not 0 <= index < self.size:
            raise InvalidConfigurationError(
                f"space {self.name} has no configuration {index!r}; "
                f"give a whole number from 0 to {self.size - 1}"
            )

    def _number_of_digits(self, digits: int) -> int:
        """Return the number of the configuration whose codes, as digits, make ``digits``."""
        return digits

    def _digits_of_number(self, number: int) -> int:
        """Return the digits of the configuration with a number."""
        return number

    def _quick_index(self, configuration: Mapping[str, Scalar]) -> int | None:
        """Return the number by one look into a table a parameter, None where that is not all.

        Raises:
            KeyError: If a value is none of the choices as they stand: another type, or none at all.
        """
        if not self._counts_choices or len(configuration) != len(self.parameters):
            return None
        digits = 0
        for name, radix, codes in self._choice_codes:
            value = configuration[name]
            # With its class, since True == 1 and 16.0 == 16.
            digits = digits * radix + codes[value.__class__, value]
        return self._number_of_digits(digits)

    @cached_property
    def _counts_choices(self) -> bool:
        """True if every product of choices is a configuration, in its own form."""
        return type(self).encode is Space.encode

    @cached_property
    def _choice_powers(self) -> list[tuple[str, int, tuple[Scalar, ...]]]:
        """For each parameter, what one more of its code adds to the digits, and its choices."""
        return [
            (p.name, prod(self._radices[k + 1 :]), p.choices)
            for k, p in enumerate(self.parameters)
            if isinstance(p, Categorical)
        ]

    @cached_property
    def _choice_codes(self) -> list[tuple[str, int, dict[tuple[type, Scalar], int]]]:
        return [
            (p.name, len(p.choices), {(type(c), c): code for code, c in enumerate(p.choices)})
            for p in self.parameters
            if isinstance(p, Categorical)
        ]

    @cached_property
    def _radices(self) -> tuple[int, ...]:
        return tuple(len(p.choices) for p in self.parameters if isinstance(p, Categorical))
