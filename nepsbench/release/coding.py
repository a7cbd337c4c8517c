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
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import FileIO
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
        if values.dtype.kind == "f":
            values = np.where(np.isnan(values), np.nan, values)  # NaN has many forms of bits
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
    """A column that is open.

    Attributes:
        at: Returns one value by its row, a plain Python number; a missing one is NaN.
        nbytes: What reading all of it can take of memory.
    """

    at: Callable[[int], Any]
    nbytes: int

    def span(self, first: int, count: int, /) -> Sequence[Any]:
        """Return ``count`` values from row ``first`` on."""

    def unmapped_span(self, first: int, count: int, /) -> Sequence[Any]:
        """Return the same, and leave no page of it in the process's memory."""

    def take(self, rows: Array | slice, /) -> Array:
        """Return the values of some rows as float64 or int64."""


class Constant:
    """One value in all rows."""

    nbytes = 0

    def __init__(self, value: float | int | None, rows: int) -> None:
        self.value = float("nan") if value is None else value
        self.rows = rows
        self.at: Callable[[int], Any] = lambda _row: self.value

    def span(self, _first: int, count: int, /) -> Sequence[Any]:
        """Return the value as often as asked."""
        return [self.value] * count

    unmapped_span = span

    def take(self, rows: Array | slice, /) -> Array:
        """Return it for each row."""
        if isinstance(rows, slice):
            return np.full(len(range(*rows.indices(self.rows))), self.value)
        return np.full(len(rows), self.value)


class Plain:
    """Values one behind the other."""

    def __init__(self, stored: Stored) -> None:
        self._stored, view = stored, stored.view
        # The memory view's own way to an item: there is no faster one in Python.
        self.at: Callable[[int], Any] = view.__getitem__
        self.nbytes = view.nbytes
        self.array = np.frombuffer(view, dtype=view.format)

    def span(self, first: int, count: int, /) -> Sequence[Any]:
        """Return ``count`` values from row ``first`` on."""
        return self._stored.view[first : first + count].tolist()

    def unmapped_span(self, first: int, count: int, /) -> Sequence[Any]:
        """Return the same, and leave no page of it in the process's memory."""
        return self._stored.read(first, count).tolist()

    def take(self, rows: Array | slice, /) -> Array:
        """Return the values of some rows, in full width."""
        taken = self.array[rows]
        return taken.astype(np.float64 if taken.dtype.kind == "f" else np.int64)


class Dictionary:
    """Codes, and the value of each."""

    def __init__(self, stored: Stored, values: memoryview) -> None:
        self._stored, self._values, codes = stored, values, stored.view
        self.at: Callable[[int], Any] = lambda row: values[codes[row]]
        self.nbytes = codes.nbytes + values.nbytes
        self.codes = np.frombuffer(codes, dtype=codes.format)
        self.values = np.frombuffer(values, dtype=values.format)

    def span(self, first: int, count: int, /) -> Sequence[Any]:
        """Return ``count`` values from row ``first`` on."""
        values = self._values
        return [values[code] for code in self._stored.view[first : first + count]]

    def unmapped_span(self, first: int, count: int, /) -> Sequence[Any]:
        """Return the same, and leave no page of the codes in the process's memory."""
        values = self._values
        return [values[code] for code in self._stored.read(first, count)]

    def take(self, rows: Array | slice, /) -> Array:
        """Return the values of some rows."""
        taken: Array = self.values[self.codes[rows]]
        return taken


@dataclass(frozen=True)
class Stored:
    """An array of the file: mapped into memory, and as it is read without.

    Attributes:
        view: Hands out plain Python numbers.
        file: The file, open as long as it is referred to.
        at: Where the array begins in it.
    """

    view: memoryview
    file: FileIO
    at: int

    def read(self, first: int, count: int) -> memoryview:
        """Return a part of the array, read by a call of the system."""
        width = self.view.itemsize
        part = os.pread(self.file.fileno(), count * width, self.at + first * width)
        kind: Any = self.view.format
        view: memoryview = memoryview(part).cast(kind)
        return view


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
            self._file = path.open("rb", buffering=0)
            self._map = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
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
            return Dictionary(self._stored(coded["codes"]), self.view(coded["values"]))
        return Plain(self._stored(coded["values"]))

    def give_back(self) -> None:
        """Let the process hold no page of the file; the next reads fetch theirs from the cache."""
        if hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)

    def _stored(self, place: Description) -> Stored:
        return Stored(self.view(place), self._file, place["at"])
