import errno
import fcntl
import os
import subprocess
import sys

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


def test_damage_is_told_with_the_callers_remedy(tmp_path):
    path = tmp_path / "w.journal"
    path.write_bytes(b"{}\t00000000\n")
    with pytest.raises(CorruptedFileError, match=r"line 1 is damaged .*; collect again$"):
        list(read_journal(path, remedy="collect again"))


def test_a_second_writer_is_refused_and_no_record_is_lost(tmp_path):
    path = tmp_path / "w.journal"
    with JournalWriter(path) as journal:
        journal.append(RECORDS[0])
        with pytest.raises(StorageError, match=r"w\.journal: this worker .* is running already"):
            JournalWriter(path)
        journal.append(RECORDS[1])
    with JournalWriter(path) as journal:
        journal.append(RECORDS[2])
    assert list(read_journal(path)) == RECORDS[:3]


FILL_THE_DISK = """
import resource, signal, sys
from pathlib import Path
from nepsbench.errors import StorageError
from nepsbench.journal import JournalWriter

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
try:
    with JournalWriter(Path(sys.argv[1])) as journal:
        while True:
            journal.append({"kind": "epoch"})
except StorageError as error:
    print(error)
"""


def test_a_file_that_cannot_grow_is_one_line_and_keeps_whole_records(tmp_path):
    path = tmp_path / "w.journal"
    command = [sys.executable, "-c", FILL_THE_DISK, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{path}: cannot be written: File too large")
    assert list(read_journal(path)) == [{"kind": "epoch"}] * 3
    assert path.stat().st_size == 3 * len(encode_record({"kind": "epoch"}))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk_is_one_line_and_keeps_whole_records(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", str(disk)], check=True)
    try:
        record = {"kind": "epoch", "text": "x" * 1000}
        full = pytest.raises(StorageError, match="the disk is full; nothing was changed; free")
        with full, JournalWriter(disk / "w.journal") as journal:
            while True:
                journal.append(record)
        assert list(read_journal(disk / "w.journal")) == [record] * 7
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_results_that_are_a_file_are_one_line(tmp_path):
    (tmp_path / "results").write_text("")
    with pytest.raises(StorageError, match=r"w\.journal: cannot be written: "):
        JournalWriter(tmp_path / "results" / "w.journal")


@pytest.mark.parametrize("kept", [0, 2])
def test_a_torn_record_that_is_longer_than_a_block_is_cut_off(tmp_path, kept):
    path = tmp_path / "w.journal"
    whole = b"".join(encode_record(record) for record in RECORDS[:kept])
    path.write_bytes(whole + b"x" * 10_000)
    with JournalWriter(path) as journal:
        assert journal.length == len(whole)
    assert list(read_journal(path)) == RECORDS[:kept]


def test_a_journals_folder_is_made_and_each_record_is_on_the_disk_when_it_is_appended(
    tmp_path, monkeypatch
):
    sizes = []
    path = tmp_path / "a" / "b" / "w.journal"
    monkeypatch.setattr(os, "fsync", lambda descriptor: sizes.append(os.fstat(descriptor).st_size))
    with JournalWriter(path) as journal:
        for record in RECORDS[:2]:
            journal.append(record)
    first, second = (len(encode_record(record)) for record in RECORDS[:2])
    assert sizes == [first, first + second]


def refuse(number):
    def flock(*_):
        raise OSError(number, os.strerror(number))

    return flock


def test_a_file_system_without_locks_is_one_line_that_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", refuse(errno.ENOLCK))
    with pytest.raises(StorageError, match=r"keeps no locks .*; mount it with flock"):
        JournalWriter(tmp_path / "w.journal")
    monkeypatch.setattr(fcntl, "flock", refuse(errno.EIO))
    with pytest.raises(OSError, match="Input/output error"):  # no remedy that we could tell
        JournalWriter(tmp_path / "w.journal")
