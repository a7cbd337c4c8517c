import errno
import os
from hashlib import sha256

import pytest

from nepsbench.errors import StorageError
from nepsbench.files import remove_leftovers, replacing, sha256_of, write_text


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "deep" / "file"
    write_text(path, "one")
    write_text(path, "two")
    assert path.read_text() == "two"
    assert os.listdir(path.parent) == ["file"]  # noqa: PTH208


def test_an_error_while_writing_keeps_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "file"
    write_text(path, "old")
    with pytest.raises(TypeError), replacing(path) as temporary:
        temporary.write_text(3)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_full_disk_is_one_line_and_keeps_the_old_file(tmp_path):
    path = tmp_path / "file"
    write_text(path, "old")
    full = pytest.raises(StorageError, match="file: the disk is full; nothing was changed")
    with full, replacing(path):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert path.read_text() == "old"


def test_a_folder_that_vanished_is_one_line(tmp_path):
    gone = pytest.raises(StorageError, match="file: cannot be written: No such file")
    with gone, replacing(tmp_path / "folder" / "file"):
        (tmp_path / "folder").rmdir()


def test_leftovers_of_killed_writers_are_removed_and_no_other_file(tmp_path):
    for name in ("1.pt", ".1.pt.77.part", ".1.pt.78.part", ".2.pt.77.part", "1.pt.part"):
        (tmp_path / name).touch()
    remove_leftovers(tmp_path / "1.pt")
    assert sorted(p.name for p in tmp_path.iterdir()) == [".2.pt.77.part", "1.pt", "1.pt.part"]


def test_the_hash_of_a_file_is_that_of_all_its_blocks(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    assert sha256_of(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    large = bytes(range(256)) * 5000  # more than a block
    path.write_bytes(large)
    assert sha256_of(path) == sha256(large).hexdigest()


def test_content_is_on_the_disk_before_its_name_and_then_its_name(tmp_path, monkeypatch):
    synced = []

    def fsync(descriptor):
        name = os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}"))  # noqa: PTH119, PTH115
        synced.append((name, (tmp_path / "file").exists()))

    monkeypatch.setattr(os, "fsync", fsync)
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    write_text(tmp_path / "file", "new")
    assert synced == [(f".file.{os.getpid()}.part", False), (tmp_path.name, True)]
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_an_error_that_is_not_the_disks_stays_what_it_is(tmp_path):
    with pytest.raises(OSError, match="Input/output error"), replacing(tmp_path / "file"):
        raise OSError(errno.EIO, "Input/output error")
