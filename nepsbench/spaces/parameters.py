"""The kinds of parameter a search space is made of, and how each is drawn from uniforms.

A parameter has an *encoded* form, one float64: the index of a choice, or the value itself. Encoded
configurations are what is hashed, compared and sampled, so they must be the same bits everywhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nepsbench.errors import InvalidConfigurationError

Scalar: TypeAlias = bool | int | float | str
FloatArray: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Categorical:
    """A parameter with a finite, ordered tuple of choices."""

    name: str
    choices: tuple[Scalar, ...]
    default: Scalar

    def encode(self, value: Scalar) -> float:
        """Return the index of ``value`` among the choices.

        Raises:
            InvalidConfigurationError: If ``value`` is not one of the choices, or of another type.
        """
        try:
            return self._codes[value.__class__, value]
        except (KeyError, TypeError):  # a choice in another type, or none
            plain = _plain(value)
        for index, choice in enumerate(self.choices):
            if _same(plain, choice):
                return float(index)
        raise InvalidConfigurationError(
            f"{self.name}={plain!r} is not a choice; choose one of "
            + ", ".join(repr(choice) for choice in self.choices)
        )

    @cached_property
    def _codes(self) -> dict[tuple[type, Scalar], float]:
        """The code of each choice as it stands, with its class, since True == 1 == 1.0."""
        first: dict[tuple[type, Scalar], float] = {}
        for choice in self.choices:
            same = [index for index, other in enumerate(self.choices) if _same(choice, other)]
            if same:  # NaN is not even the same as itself
                first[choice.__class__, choice] = float(same[0])
        return first

    def decode(self, code: float) -> Scalar:
        """Return the choice with index ``code``."""
        return self.choices[int(code)]

    def from_uniform(self, uniform: FloatArray) -> FloatArray:
        """Map uniforms in [0, 1) to encoded values, all choices equally likely."""
        return np.floor(uniform * len(self.choices))


@dataclass(frozen=True)
class Float:
    """A real parameter drawn uniformly from ``[lower, upper]``."""

    name: str
    lower: float
    upper: float
    default: float

    #: Whether it is the logarithm that is uniform.
    log: ClassVar[bool] = False

    def encode(self, value: Scalar) -> float:
        """Return ``value`` as a float.

        Raises:
            InvalidConfigurationError: If ``value`` is no number, or out of range.
        """
        plain = _plain(value)
        if (
            isinstance(plain, bool)
            or not isinstance(plain, int | float)
            or not self.lower <= plain <= self.upper
        ):
            raise InvalidConfigurationError(
                f"{self.name}={plain!r} is out of range; give a number "
                f"from {self.lower:g} to {self.upper:g}"
            )
        return float(plain)

    def decode(self, code: float) -> Scalar:
        """Return ``code`` itself."""
        return float(code)

    def from_uniform(self, uniform: FloatArray) -> FloatArray:
        """Map uniforms in [0, 1) to values, the same bits everywhere."""
        return np.clip(self.lower + uniform * (self.upper - self.lower), self.lower, self.upper)


@dataclass(frozen=True)
class LogFloat(Float):
    """A real parameter drawn uniformly in its logarithm from ``[lower, upper]``."""

    log: ClassVar[bool] = True

    def from_uniform(self, uniform: FloatArray) -> FloatArray:
        """Map uniforms in [0, 1) to values, the logarithm uniform, the same bits everywhere."""
        low, high = _log2(self.lower), _log2(self.upper)
        return np.clip(portable_exp2(low + uniform * (high - low)), self.lower, self.upper)


Parameter: TypeAlias = Categorical | Float


def _plain(value: Scalar) -> Scalar:
    """Return NumPy's scalars, which samplers and tables hand out, as Python's own."""
    return value.item() if isinstance(value, np.generic) else value


def _same(value: Scalar, choice: Scalar) -> bool:
    """Compare as people do, but never take ``True`` for 1 or the other way round."""
    if isinstance(value, bool) or isinstance(choice, bool):
        return isinstance(value, bool) and isinstance(choice, bool) and value == choice
    # An array would compare by element, and one of a single element pass for its value.
    return isinstance(value, int | float | str) and value == choice


def _log2(value: float) -> float:
    """Return log2 of ``value`` by decimal arithmetic, which is the same on every platform."""
    return float(Decimal(repr(value)).ln() / Decimal(2).ln())


def portable_exp2(exponent: FloatArray) -> FloatArray:
    """Return 2**exponent using only operations that IEEE 754 rounds exactly.

    ``numpy.exp2`` differs in the last bit between platforms and SIMD paths; a sampling profile
    must be the same bytes everywhere. IEEE 754 leaves no choice in multiplying, adding and scaling
    by powers of two, so a Taylor polynomial over the fractional part is reproducible (within 1 ulp
    of the true value).
    """
    whole = np.floor(exponent + 0.5)
    scaled = (exponent - whole) * _LN2
    result = np.full_like(scaled, _INVERSE_FACTORIALS[-1])
    for coefficient in reversed(_INVERSE_FACTORIALS[:-1]):
        result = result * scaled + coefficient
    return np.ldexp(result, whole.astype(np.int64))


_LN2 = 0.6931471805599453
_INVERSE_FACTORIALS = tuple(1.0 / math.factorial(k) for k in range(15))
