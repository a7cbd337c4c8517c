from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from nepsbench.errors import CorruptedFileError, NepsbenchError, VersionMismatchError
from nepsbench.release import read_manifest, verification, verify_once, verify_release
from nepsbench.release.manifest import RELEASE_FORMAT


def test_one_changed_byte_is_found_and_the_file_named(release: Path) -> None:
    for name in read_manifest(release).files:
        path = release / name
        sound = path.read_bytes()
        path.write_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))
        with pytest.raises(CorruptedFileError, match=f"{name}: damaged"):
            verify_release(release)
        path.write_bytes(sound)
    verify_release(release)


def test_a_missing_a_cut_and_a_foreign_file_are_named(release: Path) -> None:
    sound = (release / "epochs.parquet").read_bytes()
    (release / "epochs.parquet").unlink()
    with pytest.raises(CorruptedFileError, match=r"epochs\.parquet: missing"):
        verify_release(release)
    (release / "epochs.parquet").write_bytes(sound[:100])
    with pytest.raises(CorruptedFileError, match=r"epochs\.parquet: damaged \(100 bytes, not"):
        verify_release(release)
    (release / "epochs.parquet").write_bytes(sound)
    (release / "lookup" / "more.npy").touch()
    with pytest.raises(CorruptedFileError, match=r"more\.npy: not part of this release"):
        verify_release(release)


def test_a_changed_manifest_is_found(release: Path) -> None:
    path = release / "manifest.json"
    path.write_text(path.read_text().replace('"trials": 8', '"trials": 9'))
    with pytest.raises(CorruptedFileError, match=r"manifest\.json: damaged"):
        verify_release(release)
    path.write_text("{")
    with pytest.raises(CorruptedFileError, match=r"manifest\.json: damaged"):
        verify_release(release)


@pytest.mark.parametrize("field", ["schema_version", "release_format"])
def test_a_release_of_another_version_is_refused_by_name(release: Path, field: str) -> None:
    path = release / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), field: 99}))
    with pytest.raises(VersionMismatchError, match=f"99.*reads format {RELEASE_FORMAT}"):
        verify_release(release)


def test_a_folder_that_is_no_release_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NepsbenchError, match="no release"):
        verify_release(tmp_path)


def test_files_are_hashed_on_the_first_opening_only(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEPSBENCH_CACHE", str(tmp_path / "cache"))
    hashed: list[Path] = []
    record = verification.file_record

    def counted(path: Path) -> object:
        hashed.append(path)
        return record(path)

    monkeypatch.setattr(verification, "file_record", counted)
    verify_once(release)
    count = len(hashed)
    assert count == len(read_manifest(release).files)
    verify_once(release)
    assert len(hashed) == count
    os.utime(release / "trials.parquet")
    verify_once(release)
    assert len(hashed) == 2 * count


def test_a_damaged_release_is_never_remembered_as_sound(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEPSBENCH_CACHE", str(tmp_path / "cache"))
    data = bytearray((release / "lookup" / "arrays.bin").read_bytes())
    data[-1] ^= 1
    (release / "lookup" / "arrays.bin").write_bytes(data)
    for _ in range(2):
        with pytest.raises(CorruptedFileError, match=r"arrays\.bin"):
            verify_once(release)


def test_a_cache_that_cannot_be_written_does_no_harm(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("NEPSBENCH_CACHE", str(tmp_path / "file"))
    assert verify_once(release) == verify_once(release)
