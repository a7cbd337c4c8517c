"""Pickles of strangers, read by both readers: at once, and entry by entry."""

from __future__ import annotations

import collections
import contextlib
import copyreg
import io
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nepsbench.errors import CorruptedFileError
from nepsbench.plain_pickle import PLAIN_NAMES, load_plain
from nepsbench.warehouse.importers.pickle_content import Content
from nepsbench.warehouse.importers.pickle_stream import load_small


def at_once(content: bytes) -> Any:
    return load_plain(content, origin="x", error=CorruptedFileError)


def by_machine(content: bytes) -> Any:
    return load_small(Content(io.BytesIO(content)), names=PLAIN_NAMES, origin="x")


READERS = pytest.mark.parametrize("load", [at_once, by_machine])


class Calls:
    """Pickled as a call."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


def text(value: str) -> bytes:
    return b"\x8c" + bytes([len(value)]) + value.encode()


def named(module: str, name: str) -> bytes:
    """Return STACK_GLOBAL of a name."""
    return text(module) + text(name) + b"\x93"


HEAD = b"\x80\x04"
NDARRAY, DTYPE = named("numpy", "ndarray"), named("numpy", "dtype")
RECONSTRUCT = named("numpy.core.multiarray", "_reconstruct")
SCALAR = named("numpy.core.multiarray", "scalar")
F8 = DTYPE + text("f8") + b"\x85R"
O8 = DTYPE + text("O8") + b"\x85R"
EMPTY_ARRAY = RECONSTRUCT + NDARRAY + b"K\x00\x85" + b"C\x01b" + b"\x87R"

EVIL = {
    "os.system": pickle.dumps({"a": Calls(os.system, "touch evil")}),
    "os.system in protocol 0": pickle.dumps({"a": Calls(os.system, "touch evil")}, protocol=0),
    "eval": pickle.dumps([Calls(eval, "open('evil', 'w')")]),
    "a call in a call": pickle.dumps(Calls(print, Calls(eval, "open('evil', 'w')"))),
    "a call as a key": pickle.dumps({Calls(os.getcwd): 1}),
    "getattr": pickle.dumps(Calls(getattr, "x", "__class__")),
    "a method of an allowed name": HEAD + named("collections", "OrderedDict.fromkeys") + b".",
    "attributes of a stand-in": HEAD + named("numpy", "ndarray.__class__") + b".",
    "our own module": HEAD + named("nepsbench.plain_pickle", "io.open") + b".",
    "names that are no text": HEAD + b"K\x01K\x02\x93.",
    "a class of old": b"(S'evil'\nios\nsystem\n.",
    "an object of old": b"(cos\nsystem\nS'evil'\no.",
    "numpy's load": HEAD + named("numpy", "load") + text("x") + b"\x85R.",
    "numpy.ndarray itself": HEAD + NDARRAY + b"K\x05\x85\x85R.",
    "a new ndarray": HEAD + NDARRAY + b"K\x05\x85\x81.",
    "the state of a stand-in": HEAD + NDARRAY + b"}" + text("__setstate__") + DTYPE + b"sb.",
    "the slots of a stand-in": HEAD + DTYPE + b"N}" + text("_make") + NDARRAY + b"s\x86b.",
    "an array of another class": HEAD + RECONSTRUCT + DTYPE + b")" + text("b") + b"\x87R.",
    "an array of pointers": HEAD + EMPTY_ARRAY + b"(K\x01K\x01\x85" + O8 + b"\x89C\x08AAAAAAAAtb.",
    "an array that is too long": HEAD + EMPTY_ARRAY + b"(K\x01K\x10\x85" + F8 + b"\x89C\x01Atb.",
    "a negative shape": HEAD + EMPTY_ARRAY + b"(K\x01J\xff\xff\xff\xff\x85" + F8 + b"\x89C\x00tb.",
    "a record dtype": HEAD + DTYPE + text("V8") + b"\x85R.",
    "a dtype of fields": HEAD + F8 + b"(K\x03" + text("<") + b"N)}K\x01K\x01K\x01tb.",
    "a number of pointers": HEAD + SCALAR + O8 + b"C\x08AAAAAAAA\x86R.",
    "a persistent id": HEAD + text("x") + b"Q)R.",
    "code by encode": HEAD + named("_codecs", "encode") + text("x") + text("rot13") + b"\x86R.",
    "an unknown extension": HEAD + b"\x82\xef.",
    "an opcode that is none": HEAD + b"\xfe.",
    "appending to text": HEAD + text("x") + b"K\x01a.",
}  # fmt: skip


@READERS
@pytest.mark.parametrize("name", EVIL)
def test_a_pickle_that_asks_for_more_than_plain_data_is_refused(
    name: str, load: Callable[[bytes], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CorruptedFileError, match=r"^x: not a pickle of plain data: .*published"):
        load(EVIL[name])
    assert not list(tmp_path.iterdir())


@READERS
def test_an_extension_code_is_refused_even_after_somebody_used_it(
    load: Callable[[bytes], Any],
) -> None:
    copyreg.add_extension("os", "getcwd", 0xEF)
    try:
        assert pickle.loads(b"\x80\x02\x82\xef.") is os.getcwd  # it is in the cache now
        with pytest.raises(CorruptedFileError, match="not a pickle of plain data"):
            load(b"\x80\x02\x82\xef)R.")
    finally:
        copyreg.remove_extension("os", "getcwd", 0xEF)


def test_what_an_attack_tried_to_change_is_unchanged() -> None:
    for content in EVIL.values():
        with pytest.raises(CorruptedFileError):
            at_once(content)
    array = np.arange(6.0).reshape(2, 3)
    assert np.array_equal(at_once(pickle.dumps(array)), array)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
    | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner)
    | st.tuples(inner, inner),
    max_leaves=30,
)  # fmt: skip


@READERS
@given(value=PLAIN, protocol=st.sampled_from([2, 3, 4, 5]))
def test_plain_values_come_back(load: Callable[[bytes], Any], value: Any, protocol: int) -> None:
    assert load(pickle.dumps(value, protocol=protocol)) == value


@READERS
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_arrays_numbers_and_sets_come_back(load: Callable[[bytes], Any], protocol: int) -> None:
    arrays = [
        np.arange(6).astype(kind).reshape(2, 3)
        for kind in ("<f8", ">f8", "<i8", ">i4", "u1", "?", "<f4", "<c16")
    ] + [
        np.array(["a", "bc"]),
        np.array([b"a", b"bc"]),
        np.array([None, "x", 1], dtype=object),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.zeros((0, 3)),
    ]
    value = {
        "arrays": arrays,
        "numbers": [np.float64(0.1), np.float32(0.1), np.int64(7), np.bool_(True)],
        "set": {1, 2},
        "ordered": collections.OrderedDict(b=1, a=2),
    }
    found = load(pickle.dumps(value, protocol=protocol))
    for mine, theirs in zip(found["arrays"], arrays, strict=True):
        assert mine.dtype == theirs.dtype.newbyteorder("=")
        assert np.array_equal(mine, theirs)
    assert found["numbers"] == value["numbers"]
    assert found["set"] == {1, 2}
    assert list(found["ordered"].items()) == [("b", 1), ("a", 2)]


def test_text_of_python_2_becomes_bytes() -> None:
    content = b"\x80\x02}U\x04dataU\x02\xff\x00s."
    found = load_plain(content, origin="x", error=CorruptedFileError, encoding="bytes")
    assert found == {b"data": b"\xff\x00"}


@READERS
def test_a_pickle_cut_off_anywhere_is_refused_with_the_place(load: Callable[[bytes], Any]) -> None:
    content = pickle.dumps({"a": [1.5, "text", (1, 2)], "b": np.arange(3.0)}, protocol=4)
    for end in range(len(content)):
        with pytest.raises(CorruptedFileError, match=r"^x: .* byte \d+"):
            load(content[:end])


@READERS
@given(place=st.integers(0, 200), byte=st.integers(0, 255))
def test_an_altered_byte_gives_plain_data_or_one_error(
    load: Callable[[bytes], Any], place: int, byte: int
) -> None:
    content = bytearray(
        pickle.dumps({"a": [1.5, "text", (1, 2)], "b": np.arange(3.0), 7: {1, 2}}, protocol=4)
    )
    content[place % len(content)] = byte
    with contextlib.suppress(CorruptedFileError):
        repr(load(bytes(content)))
