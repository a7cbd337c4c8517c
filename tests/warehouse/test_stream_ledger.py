from __future__ import annotations

import numpy as np
import pytest

from nepsbench.errors import StreamReuseError
from nepsbench.sampling.ranges import StreamRange
from nepsbench.sampling.streams import stream_words
from nepsbench.warehouse import Warehouse


def words(taskid: int, first: int, end: int, scheme: str = "jump") -> StreamRange:
    return StreamRange(scheme=scheme, taskid=taskid, first_word=first, end_word=end)


def test_used_words_are_kept_and_shown(warehouse: Warehouse) -> None:
    warehouse.reserve_streams("p", [words(0, 0, 160), words(1, 0, 160)], profile_hash="aa")

    rows = warehouse.query("SELECT profile, taskid, end_word FROM streams").to_pylist()
    assert rows == [
        {"profile": "p", "taskid": 0, "end_word": 160},
        {"profile": "p", "taskid": 1, "end_word": 160},
    ]


def test_the_same_profile_again_is_no_commit(warehouse: Warehouse) -> None:
    for _ in range(2):
        warehouse.reserve_streams("p", [words(0, 0, 160)], profile_hash="aa")

    assert warehouse.commit.number == 1


def test_words_of_another_profile_are_refused_by_name(warehouse: Warehouse) -> None:
    warehouse.reserve_streams("p", [words(t, 0, 160) for t in range(4)], profile_hash="aa")

    with pytest.raises(StreamReuseError) as caught:
        warehouse.reserve_streams("q", [words(3, 144, 320)], profile_hash="bb")

    text = str(caught.value)
    assert "profile q asks for words 144 to 320 of stream 3 (jump)" in text
    assert "profile p used 0 to 160 of stream 3" in text
    assert "start at stream 4" in text
    assert "\n" not in text
    assert warehouse.commit.number == 1


def test_the_next_words_of_a_used_stream_are_free(warehouse: Warehouse) -> None:
    warehouse.reserve_streams("p", [words(3, 0, 160)], profile_hash="aa")
    warehouse.reserve_streams("q", [words(3, 160, 320)], profile_hash="bb")

    assert len(warehouse.commit.streams) == 2


def test_a_profile_that_was_changed_under_its_name_is_refused(warehouse: Warehouse) -> None:
    warehouse.reserve_streams("p", [words(0, 0, 160)], profile_hash="aa" * 20)

    with pytest.raises(StreamReuseError, match="hash aaaaaaaaaaaa, now bbbbbbbbbbbb"):
        warehouse.reserve_streams("p", [words(0, 0, 160)], profile_hash="bb" * 20)


def test_legacy_streams_overlap_across_their_numbers(warehouse: Warehouse) -> None:
    warehouse.reserve_streams("p", [words(0, 0, 160, "legacy-counter")], profile_hash="aa")

    with pytest.raises(StreamReuseError, match=r"of stream 39 .* of stream 0"):
        warehouse.reserve_streams("q", [words(39, 0, 16, "legacy-counter")], profile_hash="bb")
    warehouse.reserve_streams("r", [words(40, 0, 16, "legacy-counter")], profile_hash="cc")


@pytest.mark.parametrize(
    ("first", "second", "free"),
    [("jump", "legacy-counter", 40), ("legacy-counter", "jump", 1)],
)
def test_the_first_stream_of_jump_is_that_of_legacy(
    warehouse: Warehouse, first: str, second: str, free: int
) -> None:
    assert np.array_equal(*(stream_words(s, 0, first=0, count=160) for s in (first, second)))
    warehouse.reserve_streams("p", [words(0, 0, 160, first)], profile_hash="aa")

    with pytest.raises(StreamReuseError, match=f"start at stream {free}, the next free one"):
        warehouse.reserve_streams("q", [words(0, 144, 320, second)], profile_hash="bb")
    warehouse.reserve_streams("r", [words(free, 0, 160, second)], profile_hash="cc")
