"""From whatever names a configuration to its place in a table, and back."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from nepsbench.errors import InvalidConfigurationError, NotInTableError
from nepsbench.release.lookup import CELLS, HASHES, Lookup
from nepsbench.spaces import Configuration, FiniteSpace, Scalar, Space, module_name

if TYPE_CHECKING:
    from nepsbench.spaces.nasbench101_hashes import HashIndex

#: A number, a configuration, or any notation that the space's module reads.
Query = Any
_WHOLE = (int, np.integer)


def places_of(title: str, space: Space, lookup: Lookup, directory: Path) -> Places:
    """Return how configurations of a table are found.

    Args:
        title: Name and version of the table, for errors.
        space: Its space.
        lookup: Its lookup.
        directory: The lookup's folder.
    """
    if space.name == "nasbench101" and (directory / CELLS).is_dir():
        return CellPlaces(title, space, lookup, directory)
    if isinstance(space, FiniteSpace):
        return NumberedPlaces(title, space, lookup)
    return KeyedPlaces(title, space, lookup)


class Places:
    """What all of them can do. A *number* is the space's own in a finite space, else the place.

    Attributes:
        count: How many configurations the table has.
        limit: Numbers are below it.
    """

    def __init__(self, title: str, space: Space, lookup: Lookup) -> None:
        self.title, self.space, self.lookup = title, space, lookup
        self.count = self.limit = lookup.count

    def place(self, query: Query) -> int:
        """Return the place of a configuration.

        Raises:
            InvalidConfigurationError: If it lies outside the space.
            NotInTableError: If it is valid, but not in the table.
        """
        raise self.unknown(query)

    def place_of_number(self, number: int) -> int:
        """Return the place of the configuration with a number; raises as :meth:`place`."""
        return number

    def number(self, place: int) -> int:
        """Return the number of the configuration at a place."""
        return place

    def numbers(self) -> NDArray[np.int64] | None:
        """Return the number of every place; None where that is the place itself."""
        return None

    def configuration(self, place: int) -> Configuration:
        """Return the configuration at a place."""
        raise self.unknown(place)

    def validated(self, query: Query) -> Mapping[str, Scalar]:
        """Return a configuration that the space has yet to encode; notations are parsed."""
        if isinstance(query, Mapping) and self.space.names[0] in query:
            return query
        return self._parse(query)

    @cached_property
    def _parse(self) -> Callable[[Query], Configuration]:
        return parser_of(self.space)

    def unknown(self, query: Query) -> NotInTableError:
        """Return the error of a valid configuration that is not in the table."""
        return NotInTableError(
            f"configuration {query} is valid but not in the table of {self.title}; take one from "
            "sample() or configurations(), or kind='surrogate'"
        )


class KeyedPlaces(Places):
    """Configurations of a space without numbers, by the hash of their encoded form."""

    def place(self, query: Query) -> int:
        """Return the place of a number of this table or of a configuration."""
        if (number := as_number(query)) is not None:
            return self.place_of_number(number)
        codes = np.array([self.space.encode(self.validated(query))])
        config_id = self.space.config_ids(codes)[0]
        key = int(config_id, 16)
        keys, known = self.lookup.keys, self.lookup.codes
        assert keys is not None
        assert known is not None
        place = bisect_left(keys, key)
        while place < len(keys) and keys[place] == key:
            if known[place].astype(np.float64).tobytes() == codes.tobytes():
                return place
            place += 1
        raise self.unknown(config_id)

    def place_of_number(self, number: int) -> int:
        """Return the number itself, if the table has as many configurations."""
        if not 0 <= number < self.count:
            raise NotInTableError(
                f"{self.title} has no configuration {number}; give a number from 0 to "
                f"{self.count - 1}"
            )
        return number

    def configuration(self, place: int) -> Configuration:
        """Return the configuration at a place."""
        assert self.lookup.codes is not None
        return self.space.decode(self.lookup.codes[place].astype(np.float64).tolist())


class NumberedPlaces(Places):
    """Configurations of a finite space, by their number."""

    def __init__(self, title: str, space: Space, lookup: Lookup) -> None:
        super().__init__(title, space, lookup)
        self._finite = cast("FiniteSpace", space)
        self.limit = self._finite.size
        self._numbers = lookup.numbers

    def place(self, query: Query) -> int:
        """Return the place of a number, a configuration or a notation."""
        return self.place_of_number(self.number_of(query))

    def number_of(self, query: Query) -> int:
        """Return the number of what is in the space, in the table or not."""
        number = as_number(query)
        if number is None:
            number = self._finite.index(self.validated(query))
        return number

    def place_of_number(self, number: int) -> int:
        """Return the place of the configuration with a number of the space."""
        if not 0 <= number < self.limit:
            self._finite.check_index(number)
        if self._numbers is None:
            return number
        place = bisect_left(self._numbers, number)
        if place < self.count and self._numbers[place] == number:
            return place
        raise self.unknown(number)

    def number(self, place: int) -> int:
        """Return the space's number of the configuration at a place."""
        return place if self._numbers is None else int(self._numbers[place])

    def numbers(self) -> NDArray[np.int64] | None:
        """Return the space's number of every place."""
        if self._numbers is None:
            return None
        return np.frombuffer(self._numbers, dtype=self._numbers.format).astype(np.int64)

    def configuration(self, place: int) -> Configuration:
        """Return the configuration at a place."""
        return self._finite.at(self.number(place))


class CellPlaces(NumberedPlaces):
    """Cells of NAS-Bench-101: matrices by a table of all of them, hashes by another."""

    def __init__(self, title: str, space: Space, lookup: Lookup, directory: Path) -> None:
        from nepsbench.spaces.nasbench101_index import CellIndex, adopt_index

        super().__init__(title, space, lookup)
        self._index = CellIndex.open(directory / CELLS)
        adopt_index(self._index)
        self._directory = directory
        self._hashes: HashIndex | None = None

    def number_of(self, query: Query) -> int:
        """Return the number of a cell, pruned or not, by matrix and operations, hash or others."""
        if isinstance(query, tuple) and len(query) == 2:
            return self._index.find(*query)
        if isinstance(query, str):
            return self.number(self._place_of_hash(query))
        if hasattr(query, "matrix") and hasattr(query, "ops"):
            return self._index.find(query.matrix, query.ops)
        if isinstance(query, Mapping) and self.space.names[0] in query:
            return self._number_of_configuration(query)
        return super().number_of(query)

    def _number_of_configuration(self, configuration: Mapping[str, Scalar]) -> int:
        """Return the number of a cell in any form of it, without making the canonical one."""
        from nepsbench.spaces.nasbench101 import graph_of_codes
        from nepsbench.spaces.nasbench101_index import pack

        codes = Space.encode(self.space, configuration)
        bits, digits = pack(graph_of_codes(codes))
        row = self._index.patterns[bits]
        if row < 0:
            self.space.validate(configuration)  # says what is wrong
        return int(self._index.cells[row, digits])

    def place(self, query: Query) -> int:
        """Return the place of a cell."""
        if isinstance(query, str):
            return self._place_of_hash(query)
        return self.place_of_number(self.number_of(query))

    def _place_of_hash(self, text: str) -> int:
        from nepsbench.spaces.nasbench101_hashes import HashIndex, as_digest

        as_digest(text)
        if self._hashes is None:
            self._hashes = HashIndex.open(self._directory / HASHES)
        try:
            return self._hashes.find(text)
        except InvalidConfigurationError:
            if self.count == self.limit:
                raise
            raise NotInTableError(
                f"no cell in the table of {self.title} has the hash {text}"
            ) from None


def as_number(query: Query) -> int | None:
    """Return a whole number, Python's or NumPy's, as an int; None for anything else."""
    if type(query) is int:
        return query
    if isinstance(query, _WHOLE) and not isinstance(query, bool):
        return int(query)
    return None


def parse_query(space: Space, query: Query) -> Configuration:
    """Return the configuration that a query stands for, as its space validates it.

    Raises:
        InvalidConfigurationError: If it stands for none of the space.
    """
    if isinstance(query, Mapping) and space.names[0] in query:
        return space.validate(query)
    if isinstance(space, FiniteSpace) and (number := as_number(query)) is not None:
        return space.at(number)
    return parser_of(space)(query)


def parser_of(space: Space) -> Callable[[Query], Configuration]:
    """Return what reads the notations of a space's configurations."""
    name = module_name(space)
    parse: Callable[[Query], Configuration] | None = None
    if name:
        parse = getattr(import_module(name), "parse", None)
    return parse or partial(_validated, space)


def _validated(space: Space, query: Query) -> Configuration:
    """Return a configuration of a space that has no other notation."""
    if isinstance(query, Mapping):
        return space.validate(query)
    raise InvalidConfigurationError(
        f"{query!r} is no configuration of {space.name}; give a dict with a value for each of "
        f"{', '.join(space.names)}"
    )
