"""A search space: named, versioned parameters, and what can be said of any configuration in it."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from nepsbench.errors import InvalidConfigurationError
from nepsbench.spaces.parameters import FloatArray, Parameter, Scalar

Configuration: TypeAlias = dict[str, Scalar]

_PHILOX_BLOCK = 4  # words that one Philox4x64 counter step yields


@dataclass(frozen=True)
class Space:
    """A search space. A *configuration* is a dict with one value for each parameter.

    Attributes:
        name: Registered name, for example ``nepsbench101``.
        version: Raised whenever the meaning of a configuration changes.
        parameters: In the order in which they are drawn, encoded and stored.
        fidelities: Names of the parameters that change the cost of a trial.
        training: Names of those that say how it is trained, which a recipe reads.
    """

    name: str
    version: int
    parameters: tuple[Parameter, ...]
    fidelities: tuple[str, ...]
    training: tuple[str, ...] = ()

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The parameters' names, in order."""
        return tuple(parameter.name for parameter in self.parameters)

    @cached_property
    def _name_set(self) -> frozenset[str]:
        return frozenset(self.names)

    @property
    def words_per_draw(self) -> int:
        """Raw 64-bit words one draw uses: a training seed, one a parameter, up to whole blocks."""
        return -(-(1 + len(self.parameters)) // _PHILOX_BLOCK) * _PHILOX_BLOCK

    @property
    def defaults(self) -> Configuration:
        """The configuration of all defaults."""
        return {parameter.name: parameter.default for parameter in self.parameters}

    def parameter(self, name: str) -> Parameter:
        """Return the parameter called ``name``.

        Raises:
            InvalidConfigurationError: If there is none; the closest name is suggested.
        """
        try:
            return self.parameters[self.names.index(name)]
        except ValueError:
            raise InvalidConfigurationError(self._unknown(name)) from None

    def validate(self, configuration: Mapping[str, Scalar]) -> Configuration:
        """Return ``configuration`` in parameter order with each value in its own type.

        Raises:
            InvalidConfigurationError: For an unknown or missing parameter, or a bad value.
        """
        return self.decode(self.encode(configuration))

    def encode(self, configuration: Mapping[str, Scalar]) -> tuple[float, ...]:
        """Return the encoded configuration: one float a parameter, in order.

        Raises:
            InvalidConfigurationError: For an unknown or missing parameter, or a bad value.
        """
        if configuration.keys() != self._name_set:
            self._refuse_keys(configuration)
        return tuple([p.encode(configuration[p.name]) for p in self.parameters])

    def decode(self, codes: Sequence[float]) -> Configuration:
        """Return the configuration with these encoded values."""
        return {p.name: p.decode(code) for p, code in zip(self.parameters, codes, strict=True)}

    def config_id(self, configuration: Mapping[str, Scalar]) -> str:
        """Return the 16 hex digits that name this configuration in every table and release."""
        return self.config_ids(np.array([self.encode(configuration)]))[0]

    def config_ids(self, codes: FloatArray) -> list[str]:
        """Return the id of each row of encoded configurations, shape (rows, parameters)."""
        width = 8 * len(self.parameters)
        data = np.ascontiguousarray(codes, dtype="<f8").tobytes()
        start = blake2b(f"{self.name}/{self.version}".encode(), digest_size=8)
        ids = []
        for offset in range(0, len(data), width):
            digest = start.copy()
            digest.update(data[offset : offset + width])
            ids.append(digest.hexdigest())
        return ids

    def to_json(self, configuration: Mapping[str, Scalar]) -> str:
        """Return the configuration as canonical JSON: parameter order, no spaces."""
        return json.dumps(self.validate(configuration), separators=(",", ":"))

    def from_json(self, text: str) -> Configuration:
        """Return the configuration that :meth:`to_json` wrote.

        Raises:
            InvalidConfigurationError: If ``text`` is no JSON object, or no configuration.
        """
        try:
            value = json.loads(text)
        except ValueError as error:
            raise InvalidConfigurationError(f"not JSON: {error}") from None
        if not isinstance(value, dict):
            raise InvalidConfigurationError(f"a configuration is a JSON object, not {text[:40]}")
        return self.validate(value)

    def draw(self, words: NDArray[np.uint64]) -> FloatArray:
        """Return encoded configurations from raw words, shape (draws, words_per_draw).

        Word 0 of a draw is its training seed; word 1 + k draws parameter k, whether or not it is
        fixed afterwards, so that fixing one parameter moves no other.
        """
        uniforms = self.uniforms(words)
        return np.column_stack(
            [p.from_uniform(uniforms[:, k]) for k, p in enumerate(self.parameters)]
        )

    def uniforms(self, words: NDArray[np.uint64]) -> FloatArray:
        """Return the number in [0, 1) that each parameter is drawn from, a row for each draw."""
        used = words[:, 1 : 1 + len(self.parameters)]
        return (used >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def _unknown(self, name: str) -> str:
        near = difflib.get_close_matches(name, self.names, n=1) or [
            known for known in self.names if known.lower() == name.lower()
        ]
        hint = f"; did you mean {near[0]!r}?" if near else f"; it has {', '.join(self.names)}"
        return f"space {self.name} has no parameter {name!r}{hint}"

    def _refuse_keys(self, configuration: Mapping[str, Scalar]) -> None:
        for name in configuration:
            if name not in self.names:
                raise InvalidConfigurationError(self._unknown(name))
        missing = [name for name in self.names if name not in configuration]
        raise InvalidConfigurationError(
            f"configuration of {self.name} lacks {', '.join(missing)}; "
            "start from the space's defaults and change what you need"
        )
