"""Pickled pandas data frames, read without pandas: columns as arrays.

A frame is a manager of blocks, each of some columns of one type, and two indexes. The names of
pandas 1.0 to 2.x (and 3.x, for columns of numbers and objects) are known; each is a stand-in that
keeps what it is given. Source: pickles made by pandas 1.2.5, 1.3.5, 1.5.3, 2.2.3 and 3.1.1.
"""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from nepsbench.errors import CorruptedFileError
from nepsbench.plain_pickle import PLAIN_NAMES, ForbiddenNameError, Maker, Names, PlainUnpickler

Label = tuple[Any, ...]
Array = NDArray[Any]


@dataclass(frozen=True)
class Frame:
    """A data frame.

    Attributes:
        columns: Arrays by label; a label has a part for each level of the column index.
        index: Arrays by the name of each level of the row index; unnamed levels are left out.
        rows: How many rows there are.
    """

    columns: dict[Label, Array]
    index: dict[str, Array]
    rows: int


def read_frame(path: Path) -> Frame:
    """Return the data frame of a pickle that is compressed with gzip.

    The frame is in memory as a whole.

    Raises:
        CorruptedFileError: If it is damaged, asks for anything else, or is no data frame.
    """
    with path.open("rb") as raw, gzip.GzipFile(fileobj=raw) as file:
        try:
            found = PlainUnpickler(cast("IO[bytes]", _Exact(file)), NAMES, encoding="ASCII").load()
            while file.read(1 << 20):
                pass  # to the end, where its checksum is
            return _frame(found)
        except MemoryError:
            raise
        except (EOFError, OSError, zlib.error) as error:
            raise CorruptedFileError(
                f"{path}: is cut off, altered, or no gzip file, before byte {raw.tell()}: {error}; "
                "get it again"
            ) from None
        except Exception as error:  # a damaged pickle can raise anything
            what = "it " if isinstance(error, ForbiddenNameError) else ""
            raise CorruptedFileError(
                f"{path}: no pickled data frame: {what}{' '.join(str(error).split())} (before byte "
                f"{file.tell()} of its content); get the published file"
            ) from None


class _Exact:
    """A file that cannot be looked ahead in, so that its place is the unpickler's, to a frame."""

    def __init__(self, file: gzip.GzipFile) -> None:
        self.read, self.readinto, self.readline = file.read, file.readinto, file.readline


class _Record:
    """Keeps what a class is made of, and its state."""

    __slots__ = ("made_of", "state")
    made_of: tuple[Any, ...]
    state: Any

    def __new__(cls, *arguments: Any) -> _Record:
        record = super().__new__(cls)
        record.made_of = arguments
        record.state = None
        return record

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _DataFrame(_Record):
    __slots__ = ()


class _Manager(_Record):
    __slots__ = ()


class _NewBlock(_Record):
    """``partial(new_block, ndim=2)`` of pandas 1.3."""

    __slots__ = ()

    def __call__(self, *arguments: Any) -> tuple[Any, Any]:
        return _block(*arguments)


def _block(values: Any, placement: Any, _dimensions: Any = None) -> tuple[Any, Any]:
    return values, placement


def _index(kind: Any, parts: Any) -> tuple[str, Any]:
    return str(kind), parts


def _no_call(*_: Any) -> None:
    raise ForbiddenNameError("makes an index of pandas in an unknown way")


def _names() -> dict[tuple[str, str], Any]:
    blocks = "pandas.core.internals.blocks"
    names: dict[tuple[str, str], Any] = {
        ("builtins", "slice"): Maker("slice", slice),
        ("functools", "partial"): Maker("functools.partial", _NewBlock),
        (blocks, "new_block"): Maker("new_block", _block),
        ("pandas._libs.internals", "_unpickle_block"): Maker("_unpickle_block", _block),
        ("pandas.core.indexes.base", "_new_Index"): Maker("_new_Index", _index),
        ("pandas.core.internals.managers", "BlockManager"): _Manager,
    }
    for module in ("pandas.core.frame", "pandas"):
        names[module, "DataFrame"] = _DataFrame
    for module, kind in (
        ("base", "Index"), ("multi", "MultiIndex"), ("range", "RangeIndex"),
        ("numeric", "Int64Index"), ("numeric", "UInt64Index"), ("numeric", "Float64Index"),
    ):  # fmt: skip
        marker = Maker(kind, _no_call)
        names[f"pandas.core.indexes.{module}", kind] = marker
        names["pandas", kind] = marker
    return names


NAMES: Names = {**PLAIN_NAMES, **_names()}


def _frame(found: Any) -> Frame:
    if not isinstance(found, _DataFrame):
        raise ValueError(f"holds a {type(found).__name__}")
    manager = found.state["_mgr"] if "_mgr" in found.state else found.state["_data"]
    blocks, (columns, index) = _parts(manager)
    labels = _labels(columns)
    levels, names = _levels(index)
    rows = len(levels[0])
    arrays: dict[Label, Array] = {}
    for values, placement in blocks:
        places = np.arange(len(labels))[placement]
        if np.shape(values) != (len(places), rows):
            raise ValueError("holds a block of another shape than its index")
        for place, column in zip(places.tolist(), values, strict=True):
            arrays[labels[place]] = column
    if len(arrays) != len(labels):
        raise ValueError("lacks columns, or has two of one name")
    named = {
        name: level for name, level in zip(names, levels, strict=True) if isinstance(name, str)
    }
    return Frame(arrays, named, rows)


def _parts(manager: Any) -> tuple[list[tuple[Any, Any]], tuple[Any, Any]]:
    """Return a manager's blocks and its two indexes."""
    if not isinstance(manager, _Manager):
        raise ValueError("holds no manager of blocks")
    if manager.made_of:  # pandas 1.3 and later
        blocks, axes = manager.made_of[:2]
        return list(blocks), tuple(axes)
    state = manager.state[3]["0.14.1"]
    return [(block["values"], block["mgr_locs"]) for block in state["blocks"]], tuple(state["axes"])


def _labels(index: Any) -> list[Label]:
    levels, _ = _levels(index)
    return list(zip(*(level.tolist() for level in levels), strict=True))


def _levels(index: Any) -> tuple[list[Array], list[Any]]:
    """Return the values and the name of each level of an index."""
    kind, parts = index
    if kind == "RangeIndex":
        return [np.arange(parts["start"], parts["stop"], parts["step"])], [parts["name"]]
    if kind == "MultiIndex":
        codes = parts["codes"] if "codes" in parts else parts["labels"]
        levels = [
            _levels(level)[0][0][_present(code)]
            for level, code in zip(parts["levels"], codes, strict=True)
        ]
        return levels, list(parts["names"])
    return [np.asarray(parts["data"])], [parts["name"]]


def _present(codes: Any) -> Array:
    places = np.asarray(codes)
    if places.size and places.min() < 0:
        raise ValueError("holds an index with missing labels")
    return places
