"""Readers of published files, on tiny files of the same formats."""

from __future__ import annotations

import gzip
import io
import pickle
import tarfile
import urllib.error
import zipfile
from hashlib import md5, sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nepsbench.datasets import prepare
from nepsbench.datasets.sources import cifar10, fashion_mnist
from nepsbench.errors import DatasetError

RANDOM = np.random.default_rng(0)


def idx(array: np.ndarray) -> bytes:
    head = bytes((0, 0, 8, array.ndim)) + np.array(array.shape, ">u4").tobytes()
    return head + array.tobytes()


def test_idx_files_are_parsed():
    array = RANDOM.integers(0, 256, (5, 2, 3), dtype=np.uint8)
    assert np.array_equal(fashion_mnist.parse_idx(idx(array), origin="x"), array)


@pytest.mark.parametrize("content", [b"", b"\0\0\x08", b"\0\0\x08\x01\0\0\0\x05abc", b"GIF89a.."])
def test_what_is_no_idx_file_is_refused(content):
    with pytest.raises(DatasetError, match=r"x: .*get the published file"):
        fashion_mnist.parse_idx(content, origin="x")


@pytest.fixture
def fashion(tmp_path, monkeypatch):
    """The four files of Fashion-MNIST's format and size, with checksums to match."""
    folder = tmp_path / "fashion"
    folder.mkdir()
    for prefix, size in (("train", 60_000), ("t10k", 10_000)):
        arrays = {
            f"{prefix}-images-idx3-ubyte.gz": np.zeros((size, 28, 28), np.uint8),
            f"{prefix}-labels-idx1-ubyte.gz": (np.arange(size) % 10).astype(np.uint8),
        }
        for name, array in arrays.items():
            (folder / name).write_bytes(gzip.compress(idx(array), 1))
            monkeypatch.setitem(fashion_mnist.CONTENT, name, sha256(idx(array)).hexdigest())
    return folder


def test_fashion_mnist_is_read_from_a_folder(fashion, tmp_path):
    record = prepare("fashion_mnist", tmp_path / "root", source=fashion)
    assert record.sizes == {"train": 54_000, "valid": 6_000, "test": 10_000}
    assert record.shape == (1, 28, 28)


def test_fashion_mnist_is_found_below_the_data_variable(fashion, tmp_path, monkeypatch):
    fashion.rename(tmp_path / "fashion_mnist")
    monkeypatch.setenv("NEPSBENCH_DATA", str(tmp_path))
    assert prepare("fashion_mnist", tmp_path / "root").sizes["test"] == 10_000


def test_a_truncated_file_of_fashion_mnist_is_named(fashion, tmp_path):
    path = fashion / "train-labels-idx1-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DatasetError, match=r"train-labels-idx1-ubyte\.gz: truncated"):
        prepare("fashion_mnist", tmp_path / "root", source=fashion)
    assert not (tmp_path / "root").exists()


def test_other_content_than_the_published_is_refused(fashion, tmp_path):
    path = fashion / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(idx(np.zeros(10_000, np.uint8))))
    with pytest.raises(DatasetError, match="its checksum differs"):
        prepare("fashion_mnist", tmp_path / "root", source=fashion)


def test_a_missing_file_of_fashion_mnist_is_named_with_the_remedy(fashion, tmp_path):
    (fashion / "t10k-images-idx3-ubyte.gz").unlink()
    with pytest.raises(DatasetError, match=r"t10k-images.*no such file.*dataset-fashion-mnist"):
        prepare("fashion_mnist", tmp_path / "root", source=fashion)


def test_a_failed_download_says_what_to_do(tmp_path, monkeypatch):
    def refuse(*_arguments, **_options):
        raise urllib.error.URLError("no route")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    monkeypatch.delenv("NEPSBENCH_DATA", raising=False)
    monkeypatch.setattr(fashion_mnist, "DEBIAN_FOLDER", tmp_path / "absent")
    for name in ("fashion_mnist", "cifar10"):
        with pytest.raises(
            DatasetError, match=r"cannot be downloaded \(no route\).*NEPSBENCH_DATA"
        ):
            prepare(name, tmp_path / "root")


def tar_gz(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(f"cifar-10-batches/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def batches(size: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    names = [f"data_batch_{k}" for k in range(1, 6)] + ["test_batch"]
    return {
        name: (
            RANDOM.integers(0, 10, size).astype(np.uint8),
            RANDOM.integers(0, 256, (size, 3072), dtype=np.uint8),
        )
        for name in names
    }


def binary_archive(data) -> bytes:
    return tar_gz({f"{name}.bin": np.column_stack(rows).tobytes() for name, rows in data.items()})


def python_archive(data) -> bytes:
    return tar_gz(
        {
            name: pickle.dumps({b"labels": labels.tolist(), b"data": pixels}, protocol=2)
            for name, (labels, pixels) in data.items()
        }
    )


def test_both_archives_of_cifar10_give_the_same_images():
    data = batches(7)
    for content in (binary_archive(data), python_archive(data)):
        pool, test = cifar10.parse_archive(content, origin="x")
        assert np.array_equal(
            pool.inputs.reshape(35, -1),
            np.concatenate([data[f"data_batch_{k}"][1] for k in range(1, 6)]),
        )
        assert np.array_equal(test.targets, data["test_batch"][0])


def test_an_archive_of_cifar10_of_the_wrong_size_is_refused(tmp_path, monkeypatch):
    name = "cifar-10-binary.tar.gz"
    content = binary_archive(batches(7))
    (tmp_path / name).write_bytes(content)
    monkeypatch.setitem(cifar10.ARCHIVES, name, md5(content).hexdigest())
    with pytest.raises(DatasetError, match=r"\(35, 3, 32, 32\).*expected \(50000, 3, 32, 32\)"):
        prepare("cifar10", tmp_path / "root", source=tmp_path)


def test_an_archive_of_cifar10_that_was_changed_is_refused(tmp_path):
    path = tmp_path / "cifar-10-python.tar.gz"
    path.write_bytes(python_archive(batches(1)))
    with pytest.raises(DatasetError, match="its checksum differs"):
        prepare("cifar10", tmp_path / "root", source=path)


@pytest.mark.parametrize("cut", [3000, 30_000])
def test_a_truncated_archive_is_one_clear_line(cut):
    with pytest.raises(DatasetError, match="truncated or no tar archive"):
        cifar10.parse_archive(binary_archive(batches(3))[:-cut], origin="x")


def test_an_archive_without_a_batch_is_refused():
    data = batches(2)
    del data["data_batch_3"]
    with pytest.raises(DatasetError, match="4 training and 1 test batches"):
        cifar10.parse_archive(binary_archive(data), origin="x")


class Evil:
    def __reduce__(self):
        return (Path.touch, (Path("evil"),))


def test_an_archive_whose_pickle_calls_anything_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as file:
        for name in ("data_batch_1", "test_batch"):
            content = pickle.dumps({b"data": Evil()})
            entry = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            entry.size = len(content)
            file.addfile(entry, io.BytesIO(content))
    with pytest.raises(DatasetError, match="data_batch_1: not a pickle of plain data: it asks for"):
        cifar10.parse_archive(archive.getvalue(), origin="x")
    assert not Path("evil").exists()


def image_zip(path: Path, names: list[str]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            buffer = io.BytesIO()
            Image.fromarray(RANDOM.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(
                buffer, "JPEG"
            )
            archive.writestr(name, buffer.getvalue())


def test_zips_of_images_become_a_version_of_cifar10(tmp_path):
    names = [f"train/{c}/{k}.jpg" for c in cifar10.CLASSES for k in range(5)]
    image_zip(tmp_path / "train.zip", names)
    image_zip(tmp_path / "test.zip", [f"test/{c}/0.jpg" for c in cifar10.CLASSES])
    record = prepare("cifar10", tmp_path / "root", source=tmp_path)
    assert record.sizes == {"train": 40, "valid": 10, "test": 10}
    assert record.shape == (3, 32, 32)
    assert record.task.classes == cifar10.CLASSES


def test_a_zip_with_a_foreign_class_is_refused(tmp_path):
    image_zip(tmp_path / "train.zip", ["train/zebra/1.jpg"])
    with pytest.raises(DatasetError, match=r"train/zebra/1[.]jpg is not"):
        prepare("cifar10", tmp_path / "root", source=tmp_path)


def test_a_damaged_image_and_a_damaged_zip_are_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "train.zip", "w") as archive:
        archive.writestr("train/cat/1.jpg", b"no image")
    with pytest.raises(DatasetError, match=r"train/cat/1\.jpg is damaged"):
        prepare("cifar10", tmp_path / "root", source=tmp_path)
    (tmp_path / "train.zip").write_bytes(b"PK")
    with pytest.raises(DatasetError, match="truncated or no zip file"):
        prepare("cifar10", tmp_path / "root", source=tmp_path)


def test_zips_without_test_images_are_refused(tmp_path):
    image_zip(tmp_path / "train.zip", ["train/cat/1.jpg"])
    with pytest.raises(DatasetError, match=r"train\.zip: no images in test/"):
        prepare("cifar10", tmp_path / "root", source=tmp_path)


def test_a_file_as_source_is_the_only_one_that_is_read(tmp_path):
    places = [f"{split}/{c}/{k}.jpg" for split in ("train", "test") for c in cifar10.CLASSES
              for k in range(5)]  # fmt: skip
    for name in ("a.zip", "b.zip"):
        image_zip(tmp_path / name, places)
    record = prepare("cifar10", tmp_path / "root", source=tmp_path / "a.zip")
    assert sum(record.sizes.values()) == len(places)
    (tmp_path / "readme.txt").touch()
    with pytest.raises(DatasetError, match=r"readme\.txt: no CIFAR-10; give a folder"):
        prepare("cifar10", tmp_path / "root", source=tmp_path / "readme.txt")


def test_a_folder_without_cifar10_says_what_to_put_there(tmp_path):
    with pytest.raises(DatasetError, match=r"no CIFAR-10; give a folder with cifar-10-binary"):
        prepare("cifar10", tmp_path / "root", source=tmp_path)
