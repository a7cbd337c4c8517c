from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from nepsbench.errors import CorruptedFileError
from nepsbench.warehouse.importers import json_stream
from nepsbench.warehouse.importers.json_stream import read_entries

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text("a\"é\\[]{},"),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=8,
)  # fmt: skip


def entries(path: Path) -> list[tuple[str | None, Any]]:
    return [(entry.key, entry.value) for entry in read_entries(path)]


@pytest.mark.parametrize("piece", [1, 3, 1 << 20])
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(content=[0.5, 1e-7, -1e300])
@given(content=st.lists(values, max_size=4))
def test_a_list_comes_entry_by_entry_wherever_it_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int, content: list[Any]
) -> None:
    monkeypatch.setattr(json_stream, "_PIECE", piece)
    path = tmp_path / "list.json"
    path.write_text(json.dumps(content, ensure_ascii=False, indent=len(content) % 2 or None))
    assert entries(path) == [(None, value) for value in content]


def test_an_object_yields_its_values_and_the_entries_of_its_lists(tmp_path: Path) -> None:
    path = tmp_path / "object.json.gz"
    path.write_bytes(gzip.compress(b'{"top": [1, {"a": [2]}], "none": [], "x": {"y": 3}}'))
    assert entries(path) == [("top", 1), ("top", {"a": [2]}), ("x", {"y": 3})]


def test_values_that_are_no_numbers_are_read_as_python_wrote_them(tmp_path: Path) -> None:
    path = tmp_path / "nan.json"
    path.write_text("[[NaN, Infinity]]")
    [(_, value)] = entries(path)
    assert str(value) == "[nan, inf]"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is cut off at character 0"),
        ("7", "begins with neither"),
        ("[1, 2", "is cut off at character 5"),
        ('[{"a": 1', "is cut off, at character 8"),
        ("[1 2]", "has neither , nor ] here at character 3"),
        ("[1, }]", "is no JSON, or is cut off, at character 4"),
        ("{1: 2}", "has no key here at character 1"),
        ('{"a" 2}', "lacks the colon behind 'a'"),
        ("[1] [2]", "goes on behind its end at character 4"),
        ('["é', "is no JSON, or is cut off, at character 1"),
    ],
)
def test_a_damaged_file_is_named_with_the_place(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(CorruptedFileError, match=r"bad\.json: ") as caught:
        entries(path)
    assert words in str(caught.value)


def test_a_compressed_file_that_is_cut_off_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.json.gz"
    path.write_bytes(gzip.compress(json.dumps(list(range(10000))).encode())[:-2000])
    with pytest.raises(CorruptedFileError, match=r"bad\.json\.gz: cannot be unpacked"):
        entries(path)
