from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nepsbench.errors import CorruptedFileError, StorageError
from nepsbench.journal import JournalWriter, encode_record, read_journal

RECORDS = [{"kind": "epoch", "epoch": n, "metrics": {"train_loss": n / 3}} for n in range(5)]


@given(st.integers(0, 10_000))
def test_a_kill_at_any_byte_loses_at_most_the_record_in_flight(tmp_path_factory, cut):
    lines = [encode_record(record) for record in RECORDS]
    data = b"".join(lines)
    cut %= len(data) + 1
    path = tmp_path_factory.mktemp("journal") / "w.journal"
    path.write_bytes(data[:cut])
    whole = sum(cut >= len(b"".join(lines[: n + 1])) for n in range(len(lines)))
    assert list(read_journal(path)) == RECORDS[:whole]
    with JournalWriter(path) as journal:
        journal.append({"kind": "after"})
    assert list(read_journal(path)) == [*RECORDS[:whole], {"kind": "after"}]


def test_damage_before_the_end_is_an_error_that_names_the_line(tmp_path):
    path = tmp_path / "w.journal"
    data = bytearray(b"".join(encode_record(record) for record in RECORDS))
    data[len(encode_record(RECORDS[0])) + 12] ^= 1
    path.write_bytes(data)
    with pytest.raises(CorruptedFileError, match=r"w\.journal: line 2 is damaged"):
        list(read_journal(path))


def test_a_full_disk_is_one_line():
    journal = JournalWriter.__new__(JournalWriter)
    with Path("/dev/full").open("wb", buffering=0) as full:
        journal._file, journal._path = full, "/dev/full"
        with pytest.raises(StorageError, match="the disk is full; nothing was changed; free space"):
            journal.append({"kind": "epoch"})
