"""Pickles of strangers: plain values and arrays are rebuilt, and nothing else.

A pickle is a program. Its only way to code is the names that it asks for; here every name is looked
up in a list, and what the list holds for it is a stand-in of ours that builds plain data. Neither
numpy's nor anyone else's own functions are reached, and a pickle cannot alter the stand-ins.
"""

from __future__ import annotations

import copyreg
import io
import pickle
import pickletools
from collections.abc import Callable, Mapping
from typing import IO, Any, NoReturn

import numpy as np

from nepsbench.errors import NepsbenchError

#: What a pickle may ask for: (module, name) to a stand-in.
Names = Mapping[tuple[str, str], Any]

_KINDS = frozenset("biufcSUO")


class ForbiddenNameError(pickle.UnpicklingError):
    """A pickle asks for a name that is not on the list, or misuses one that is."""


class Maker:
    """A stand-in for a function or class: what it is called with becomes plain data.

    It has no attribute that a pickle could set, and it is not a class, so that no opcode but a call
    does anything with it.
    """

    __slots__ = ("_make", "_name")
    _make: Callable[..., Any]
    _name: str

    def __init__(self, name: str, make: Callable[..., Any]) -> None:
        object.__setattr__(self, "_name", name)
        object.__setattr__(self, "_make", make)

    def __call__(self, *arguments: Any) -> Any:
        """Build the data."""
        return self._make(*arguments)

    def __repr__(self) -> str:
        """Return the name that it stands for."""
        return self._name

    def __setattr__(self, name: str, value: object) -> NoReturn:
        """Refuse."""
        raise ForbiddenNameError(f"sets an attribute of {self}")

    def __setstate__(self, state: object) -> NoReturn:
        """Refuse: a pickle's BUILD of a function is an attack."""
        raise ForbiddenNameError(f"sets the state of {self}")


class PlainDict(dict[Any, Any]):
    """A dict for an ``OrderedDict``, whose attributes (torch keeps some) are left out."""

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        """Leave the attributes out."""


class Skipped:
    """Stands where something was that is left out."""

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        """Leave it out."""


class PlainDtype:
    """A numpy dtype of plain numbers, text, or objects; byte order comes in its state."""

    __slots__ = ("_dtype",)

    def __init__(self, code: object = None, _align: object = None, _copy: object = None) -> None:
        text = code.decode("ascii") if isinstance(code, bytes) else code
        if not isinstance(text, str) or text[:1] not in _KINDS or not text[1:].isdecimal():
            raise ForbiddenNameError(f"asks for a dtype {code!r}")
        self._dtype = np.dtype(text if text[0] != "O" else "O")

    def __setstate__(self, state: object) -> None:
        """Take the byte order, and the size of text."""
        if not isinstance(state, tuple) or len(state) < 8 or state[2:5] != (None, None, None):
            raise ForbiddenNameError(f"asks for a dtype with the state {state!r}")
        order = state[1].decode("ascii") if isinstance(state[1], bytes) else state[1]
        if order == "<":
            self._dtype = self._dtype.newbyteorder("<")
        elif order == ">":
            self._dtype = self._dtype.newbyteorder(">")
        elif order not in ("|", "="):
            raise ForbiddenNameError(f"asks for the byte order {order!r}")

    def resolve(self) -> np.dtype[Any]:
        """Return numpy's own."""
        return self._dtype


class PlainArray(np.ndarray[Any, Any]):
    """An array of a pickle, filled from bytes of the right length or, of objects, from a list."""

    def __setstate__(self, state: Any) -> None:
        """Take shape, dtype and content."""
        *_, shape, dtype, fortran, content = state
        if not isinstance(dtype, PlainDtype) or not isinstance(shape, tuple):
            raise ForbiddenNameError("holds an array that is none")
        kind = dtype.resolve()
        if isinstance(content, str):
            content = content.encode("latin1")
        if not isinstance(content, list if kind.hasobject else bytes):
            raise ForbiddenNameError("holds an array with a content that is none")
        size = 1
        for length in shape:
            if type(length) is not int or length < 0:
                raise ForbiddenNameError(f"holds an array of the shape {shape!r}")
            size *= length
        if len(content) != (size if kind.hasobject else size * kind.itemsize):
            raise ForbiddenNameError("holds an array whose content has another length")
        filled: Any = (1, shape, kind, bool(fortran), content)
        super().__setstate__(filled)


def _array(subtype: object, _shape: object, _code: object) -> PlainArray:
    if subtype is not _NDARRAY:
        raise ForbiddenNameError(f"asks for an array of {subtype!r}")
    return PlainArray((0,), np.uint8)


def _from_buffer(content: object, dtype: object, shape: object, order: object) -> PlainArray:
    """Return what ``numpy.core.numeric._frombuffer`` of protocol 5 would."""
    array = PlainArray((0,), np.uint8)
    content = bytes(content) if isinstance(content, bytes | bytearray) else content
    array.__setstate__((shape, dtype, order == "F", content))
    return array


def _scalar(dtype: object, content: object = None) -> Any:
    """Return the Python number of a numpy scalar, which has the same value."""
    if not isinstance(dtype, PlainDtype) or dtype.resolve().hasobject:
        raise ForbiddenNameError(f"asks for a number of {dtype!r}")
    kind = dtype.resolve()
    if isinstance(content, str):
        content = content.encode("latin1")
    if not isinstance(content, bytes) or len(content) != kind.itemsize:
        raise ForbiddenNameError("holds a number whose content has another length")
    return np.frombuffer(content, kind)[0].item()


def _no_array(*_: object) -> NoReturn:
    raise ForbiddenNameError("calls numpy.ndarray")


def _encode(text: object, encoding: object = "latin1") -> bytes:
    """Stand in for ``_codecs.encode``, by which protocols before 3 write bytes."""
    if not isinstance(text, str) or encoding != "latin1":
        raise ForbiddenNameError(f"encodes as {encoding!r}")
    return text.encode("latin1")


def _empty_bytes() -> bytes:
    """Stand in for ``bytes()``, by which protocol 2 writes no bytes."""
    return b""


def _ordered(pairs: Any = ()) -> PlainDict:
    return PlainDict(pairs)


def _set(items: Any = ()) -> set[Any]:
    return set(items)


_NDARRAY = Maker("numpy.ndarray", _no_array)
_ENCODE = Maker("_codecs.encode", _encode)


def _numpy_names() -> dict[tuple[str, str], Any]:
    names: dict[tuple[str, str], Any] = {
        ("numpy", "ndarray"): _NDARRAY,
        ("numpy", "dtype"): Maker("numpy.dtype", PlainDtype),
    }
    for core in ("numpy.core", "numpy._core"):
        names |= {
            (f"{core}.multiarray", "_reconstruct"): Maker("numpy._reconstruct", _array),
            (f"{core}.multiarray", "scalar"): Maker("numpy.scalar", _scalar),
            (f"{core}.numeric", "_frombuffer"): Maker("numpy._frombuffer", _from_buffer),
        }
    return names


#: Arrays and plain values.
PLAIN_NAMES: Names = {
    **_numpy_names(),
    ("_codecs", "encode"): _ENCODE,
    ("collections", "OrderedDict"): Maker("collections.OrderedDict", _ordered),
    ("__builtin__", "bytes"): Maker("bytes", _empty_bytes),
    ("builtins", "set"): Maker("set", _set),
    ("__builtin__", "set"): Maker("set", _set),
}


class PlainUnpickler(pickle.Unpickler):
    """Knows the names of a list, so that no pickle can call anything else."""

    def __init__(self, file: IO[bytes], names: Names = PLAIN_NAMES, *, encoding: str) -> None:
        super().__init__(file, encoding=encoding)
        self._names = names
        # A class that somebody else unpickled by an extension code would be taken from this cache
        # without asking for its name.
        copyreg.clear_extension_cache()

    def find_class(self, module: str, name: str) -> Any:
        """Return the stand-in of a name."""
        try:
            return self._names[module, name]
        except KeyError:
            raise ForbiddenNameError(f"asks for {module}.{name}") from None


def load_plain(
    content: bytes,
    *,
    origin: str,
    error: type[NepsbenchError],
    names: Names = PLAIN_NAMES,
    encoding: str = "ASCII",
) -> Any:
    """Return what a pickle of plain values and arrays holds.

    Args:
        content: The pickle.
        origin: Where it comes from, for the error.
        error: What is raised.
        names: What it may ask for.
        encoding: Of text of Python 2; ``bytes`` keeps it as bytes.

    Raises:
        NepsbenchError: ``error``, if it is damaged, or asks for anything else; says where.
    """
    try:
        return PlainUnpickler(io.BytesIO(content), names, encoding=encoding).load()
    except Exception as refusal:  # a damaged pickle can raise anything
        raise error(
            f"{origin}: not a pickle of plain data: {_in_words(refusal)} "
            f"({_place(content)}); get the published file"
        ) from None


def _in_words(refusal: Exception) -> str:
    if isinstance(refusal, ForbiddenNameError):
        return f"it {refusal}"
    return " ".join(str(refusal).split()) or type(refusal).__name__


def _place(content: bytes) -> str:
    """Return up to which byte the opcodes can be read."""
    place = 0
    try:
        for _, _, at in pickletools.genops(content):
            place = at or 0
    except Exception:
        return f"broken off or damaged after byte {place}"
    return f"its opcodes are whole to byte {place}"
