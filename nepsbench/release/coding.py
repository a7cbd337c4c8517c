"""Columns of a lookup: numbers in the smallest form that gives every bit of them back.

===============  =====================================================  ==========================
coding           for                                                    in the file
===============  =====================================================  ==========================
``constant``     one value in all rows                                  nothing
``dictionary``   at most 65,536 distinct values, if that is smaller     codes, then the values
``plain``        all others; as float32 or a small integer if exact     values
===============  =====================================================  ==========================

A missing value is NaN, and one of the values. All arrays lie in one file, see :class:`Arrays`.
"""

from __future__ import annotations

import mmap
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from nepsbench.errors import CorruptedFileError, NepsbenchError

Array = NDArray[Any]
#: What JSON says of an array (where, type, length) or of a column.
Description = Mapping[str, Any]

#: Arrays begin at multiples of it: no number lies across two pages.
_ALIGNMENT = 64
_MOST_DISTINCT = 1 << 16
#: Rows that are looked at first: more distinct values among them, and there is no dictionary.
_SAMPLE = 1 << 17
_TYPES = ("u1", "u2", "u4", "u8", "i8", "f4", "f8")
_WHOLE = ("u1", "u2", "u4")


@dataclass
class ArrayWriter:
    """Writes arrays one behind the other into a file, little-endian."""

    file: BinaryIO

    def array(self, values: Array) -> dict[str, Any]:
        """Write an array of one of the types and return where it is."""
        kind = values.dtype.str[1:]
        if kind not in _TYPES:
            raise ValueError(f"no array of type {kind} in a lookup")
        self.file.write(b"\0" * (-self.file.tell() % _ALIGNMENT))
        place = {"at": self.file.tell(), "type": kind, "count": len(values)}
        np.ascontiguousarray(values, dtype=f"<{kind}").tofile(self.file)
        return place

    def whole(self, values: Array) -> dict[str, Any]:
        """Write whole numbers from 0 in the smallest type that holds them."""
        most = int(values.max()) if len(values) else 0
        kind = next((kind for kind in _WHOLE if most <= np.iinfo(kind).max), "u8")
        return self.array(values.astype(kind))

    def column(self, values: Array) -> dict[str, Any]:
        """Write a column of float64 or int64 in its smallest form and return how it is coded."""
        if _is_constant(values):
            return {"coding": "constant", "value": None if not len(values) else _json(values[0])}
        narrow = _narrowed(values)
        found = _dictionary(values)
        if found is not None:
            distinct, codes = found
            small = codes.astype("u1" if len(distinct) <= 1 << 8 else "u2")
            if small.nbytes + distinct.nbytes < narrow.nbytes:
                coded = {"coding": "dictionary", "codes": self.array(small)}
                return {**coded, "values": self.array(distinct)}
        return {"coding": "plain", "values": self.array(narrow)}


def _bits(values: Array) -> NDArray[np.int64]:
    """Return the values as they are told apart: -0.0 is not 0.0, and NaN is itself."""
    if values.dtype.kind == "f":
        values = np.where(np.isnan(values), np.nan, values)  # one NaN for all
    return values.view(np.int64)


def _is_constant(values: Array) -> bool:
    return not len(values) or bool((_bits(values) == _bits(values[:1])).all())


def _json(value: Any) -> float | int | None:
    """Return a number as JSON can say it; NaN is null."""
    plain: float | int = value.item()
    return None if plain != plain else plain


def _narrowed(values: Array) -> Array:
    """Return float64 as float32, and int64 as a small whole number, if no bit is lost."""
    if values.dtype.kind == "f":
        with np.errstate(over="ignore"):
            narrow = values.astype(np.float32)
        is_same = (_bits(narrow.astype(np.float64)) == _bits(values)).all()
        return narrow if is_same else values
    if values.min() < 0:
        return values
    kind = next((kind for kind in _WHOLE if values.max() <= np.iinfo(kind).max), "i8")
    return values.astype(kind)


def _dictionary(values: Array) -> tuple[Array, Array] | None:
    """Return the distinct values and each row's place among them; None if they are too many."""
    bits = _bits(values)
    if len(np.unique(bits[:_SAMPLE])) > _MOST_DISTINCT:
        return None
    distinct = np.unique(bits)
    if len(distinct) > _MOST_DISTINCT:
        return None
    return distinct.view(values.dtype), np.searchsorted(distinct, bits)


class Column(Protocol):
    """A column that is open."""

    def at(self, row: int, /) -> Any:
        """Return one value, a plain Python number; a missing one is NaN."""

    def take(self, rows: Array | slice, /) -> Array:
        """Return the values of some rows as float64 or int64."""


class Constant:
    """One value in all rows."""

    def __init__(self, value: float | int | None, rows: int) -> None:
        self.value = float("nan") if value is None else value
        self.rows = rows

    def at(self, _row: int, /) -> Any:
        """Return the value."""
        return self.value

    def take(self, rows: Array | slice, /) -> Array:
        """Return it as often as asked."""
        if isinstance(rows, slice):
            return np.full(len(range(*rows.indices(self.rows))), self.value)
        return np.full(len(rows), self.value)


class Plain:
    """Values one behind the other; ``at`` is the memory view's own way to an item."""

    def __init__(self, view: memoryview) -> None:
        self.at: Callable[[int], Any] = view.__getitem__
        self.array = np.frombuffer(view, dtype=view.format)

    def take(self, rows: Array | slice, /) -> Array:
        """Return the values of some rows, in full width."""
        taken = self.array[rows]
        return taken.astype(np.float64 if taken.dtype.kind == "f" else np.int64)


class Dictionary:
    """Codes, and the value of each."""

    def __init__(self, codes: memoryview, values: memoryview) -> None:
        self.codes, self.values = codes, values
        self.code_array = np.frombuffer(codes, dtype=codes.format)
        self.value_array = np.frombuffer(values, dtype=values.format)

    def at(self, row: int, /) -> Any:
        """Return one value."""
        return self.values[self.codes[row]]

    def take(self, rows: Array | slice, /) -> Array:
        """Return the values of some rows."""
        taken: Array = self.value_array[self.code_array[rows]]
        return taken


#: Formats of memory views by array type.
_FORMATS = {"u1": "B", "u2": "H", "u4": "I", "u8": "Q", "i8": "q", "f4": "f", "f8": "d"}


class Arrays:
    """The arrays of a file, memory-mapped: nothing is read until it is asked for."""

    def __init__(self, path: Path) -> None:
        if sys.byteorder != "little":
            raise NepsbenchError(
                f"{path}: lookups are read on little-endian machines only; use SQL"
            )
        try:
            with path.open("rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError):
            raise CorruptedFileError(f"{path}: cannot be read; fetch the release again") from None
        self._bytes = memoryview(self._map)
        self._path = path

    def __len__(self) -> int:
        """Return the size in bytes."""
        return len(self._bytes)

    def view(self, place: Description) -> memoryview:
        """Return an array as a memory view, which hands out plain Python numbers.

        Raises:
            CorruptedFileError: If the file ends before it.
        """
        width = int(place["type"][1])
        start, end = place["at"], place["at"] + width * place["count"]
        if end > len(self._bytes):
            raise CorruptedFileError(f"{self._path}: ends too early; fetch the release again")
        kind: Any = _FORMATS[place["type"]]
        view: memoryview = self._bytes[start:end].cast(kind)
        return view

    def column(self, coded: Description, rows: int) -> Column:
        """Open a column."""
        if coded["coding"] == "constant":
            return Constant(coded["value"], rows)
        if coded["coding"] == "dictionary":
            return Dictionary(self.view(coded["codes"]), self.view(coded["values"]))
        return Plain(self.view(coded["values"]))

    def give_back(self) -> None:
        """Let the process hold no page of the file; the next reads fetch theirs from the cache."""
        if hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)
