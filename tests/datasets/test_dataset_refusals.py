"""Every source meets what is missing, truncated or of another size with one clear line."""

from __future__ import annotations

import urllib.error

import pytest

from nepsbench.datasets import about, dataset_names, prepare
from nepsbench.datasets.clips import read_published
from nepsbench.datasets.sources import fsd50k
from nepsbench.errors import DatasetError
from tests.datasets.published_files import WRITERS, write_fsd50k

#: The file of each that is cut or deleted.
MAIN = {
    "cifar100": "cifar-100-python.tar.gz",
    "colorectal_histology": "Kather_texture_2016_image_tiles_5000.zip",
    "uc_merced": "UCMerced_LandUse.zip",
    "imagenet16_120": "train_data_batch_1",
    "spherical_cifar100": "s2_cifar100.gz",
    "ninapro_db5": "ninapro_train.npy",
    "fsd50k": "FSD50K.ground_truth/dev.csv",
    "darcy_flow": "piececonst_r421_N1024_smooth1.mat",
    "psicov": "protein.zip",
    "cosmic": "deepCR.ACS-WFC.train.tar",
    "ecg": "challenge2017.pkl",
    "satellite": "satellite_train.npy",
    "deepsea": "deepsea_filtered.npz",
}


def refusal(name, tmp_path, source) -> str:
    with pytest.raises(DatasetError) as caught:
        prepare(name, tmp_path / "root", source=source)
    assert not (tmp_path / "root").exists()
    line = str(caught.value)
    assert "\n" not in line
    return line


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "published"
    made.mkdir()
    return made


def test_every_dataset_that_reads_files_is_tested_here():
    assert set(WRITERS) == set(MAIN)
    assert set(WRITERS) == set(dataset_names()) - {"digits", "fashion_mnist", "cifar10"}


@pytest.mark.parametrize("name", WRITERS)
def test_a_missing_file_is_named(name, folder, tmp_path):
    WRITERS[name](folder)
    (folder / MAIN[name]).unlink()
    assert MAIN[name].split("/")[-1].split(".")[0] in refusal(name, tmp_path, folder)


@pytest.mark.parametrize("name", WRITERS)
def test_a_truncated_file_is_named(name, folder, tmp_path):
    WRITERS[name](folder)
    path = folder / MAIN[name]
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    line = refusal(name, tmp_path, folder)
    assert path.name in line or "dev.csv" in path.name
    assert any(word in line for word in ("truncated", "damaged", "broken off", "get the published"))


@pytest.mark.parametrize("name", WRITERS)
def test_files_of_another_size_than_the_published_are_refused(name, folder, tmp_path):
    WRITERS[name](folder)
    line = refusal(name, tmp_path, folder)
    assert "expected" in line or "its checksum differs" in line


@pytest.mark.parametrize("name", [n for n in WRITERS if not about(n).address])
def test_without_a_source_the_wanted_files_are_named(name, tmp_path, monkeypatch):
    monkeypatch.delenv("NEPSBENCH_DATA", raising=False)
    line = refusal(name, tmp_path, None)
    assert MAIN[name].split("/")[0].split(".")[0] in line
    assert "not downloaded" in line


@pytest.mark.parametrize("name", [n for n in WRITERS if about(n).address])
def test_a_failed_download_names_the_address(name, tmp_path, monkeypatch):
    def refuse(*_arguments, **_options):
        raise urllib.error.URLError("no route")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    monkeypatch.delenv("NEPSBENCH_DATA", raising=False)
    line = refusal(name, tmp_path, None)
    assert about(name).address in line
    assert "cannot be downloaded (no route)" in line


@pytest.mark.parametrize("name", [n for n in WRITERS if n not in ("psicov", "cosmic")])
def test_an_empty_folder_says_what_to_put_there(name, folder, tmp_path):
    assert str(folder) in refusal(name, tmp_path, folder)


@pytest.mark.parametrize("length", [20, 30_000])
def test_a_sound_that_is_cut_off_is_named(folder, length):
    write_fsd50k(folder)
    path = folder / "FSD50K.dev_audio" / "11.wav"
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(DatasetError, match=r"11\.wav: truncated or no wav"):
        fsd50k.spectrograms(read_published(folder))
