"""Preparing and opening datasets, on scikit-learn's digits."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from nepsbench.datasets import open_dataset, opening, prepare
from nepsbench.datasets.splits import draw_split, stored_split
from nepsbench.errors import DatasetError, StorageError

DIGITS_VERSION = "1-fc102875023c"  # golden: must never change


@pytest.fixture
def root(tmp_path):
    prepare("digits", tmp_path)
    opening._open.cache_clear()
    return tmp_path


def test_digits_are_all_there_and_in_disjoint_splits(root):
    digits = open_dataset("digits", root)
    assert [len(s) for s in (digits.train, digits.valid, digits.test)] == [1077, 360, 360]
    total = sum(s.inputs.double().sum() for s in (digits.train, digits.valid, digits.test))
    assert total == np.round(load_digits().data * 255 / 16).sum()
    assert digits.train.inputs.dtype == torch.uint8
    assert (digits.record.shape, digits.task.outputs) == ((1, 8, 8), 10)


def test_workers_share_the_pages_of_a_dataset_and_none_changes_the_file(root):
    digits = open_dataset("digits", root)
    (file,) = root.glob("digits/*/train_inputs.npy")
    before = file.read_bytes()
    digits.train.inputs.zero_()
    assert file.read_bytes() == before
    maps = Path("/proc/self/maps")
    assert not maps.exists() or f"{file}\n" in maps.read_text()


def test_the_version_of_digits_never_changes(tmp_path):
    assert prepare("digits", tmp_path).version == DIGITS_VERSION


def test_stored_split_of_digits_is_what_the_rule_draws():
    labels = load_digits().target
    drawn = draw_split(labels, name="digits", sizes={"valid": 360, "test": 360})
    stored = stored_split("digits", len(labels))
    assert {k: v.tolist() for k, v in drawn.items()} == {k: v.tolist() for k, v in stored.items()}


@pytest.mark.parametrize(
    ("name", "size", "sizes"),
    [("fashion_mnist", 60_000, [54_000, 6_000]), ("cifar10", 50_000, [40_000, 10_000])],
)
def test_stored_splits_cover_each_image_once(name, size, sizes):
    split = stored_split(name, size)
    assert [len(split["train"]), len(split["valid"])] == sizes
    assert np.array_equal(np.sort(np.concatenate(list(split.values()))), np.arange(size))


def test_drawn_splits_are_stratified_to_one_image():
    labels = np.repeat(np.arange(7), 31)
    split = draw_split(labels, name="any", sizes={"valid": 70, "test": 35})
    assert set(np.bincount(labels[split["valid"]])) <= {9, 10, 11}
    assert set(np.bincount(labels[split["test"]])) <= {4, 5, 6}


def test_preparing_again_changes_nothing(root):
    files = sorted(root.rglob("*.npy"))
    before = [path.stat().st_mtime_ns for path in files]
    prepare("digits", root)
    assert [path.stat().st_mtime_ns for path in files] == before


def test_preparing_mends_a_damaged_dataset(root):
    path = root / "digits" / DIGITS_VERSION / "train_inputs.npy"
    sound = path.read_bytes()
    path.write_bytes(sound[:-1])
    prepare("digits", root)
    assert path.read_bytes() == sound
    assert sorted(p.name for p in (root / "digits").iterdir()) == [DIGITS_VERSION]


def test_a_changed_array_is_noticed(root):
    path = root / "digits" / DIGITS_VERSION / "valid_targets.npy"
    content = bytearray(path.read_bytes())
    content[-8] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(DatasetError, match=r"valid_targets\.npy: damaged"):
        open_dataset("digits", root)


def test_a_damaged_record_is_noticed(root):
    (root / "digits" / DIGITS_VERSION / "dataset.json").write_text("{")
    with pytest.raises(DatasetError, match=r"dataset\.json: missing or damaged"):
        open_dataset("digits", root)


def test_an_unprepared_dataset_is_one_clear_line(tmp_path):
    with pytest.raises(DatasetError, match="not prepared there; run the initialize stage"):
        open_dataset("digits", tmp_path)


def test_two_versions_are_not_guessed_between(root):
    other = root / "digits" / "1-000000000000"
    shutil.copytree(root / "digits" / DIGITS_VERSION, other)
    with pytest.raises(DatasetError, match="several versions"):
        open_dataset("digits", root)
    assert len(open_dataset("digits", root, version=DIGITS_VERSION).train) == 1077


def test_mean_and_deviation_are_those_of_the_training_images(root):
    record = open_dataset("digits", root).record
    pixels = open_dataset("digits", root).train.inputs.double() / 255
    assert record.mean == pytest.approx([pixels.mean().item()])
    assert record.std == pytest.approx([pixels.std(correction=0).item()])
    text = (root / "digits" / DIGITS_VERSION / "dataset.json").read_text()
    assert json.loads(text)["version"] == DIGITS_VERSION


def test_an_unknown_dataset_is_refused_by_name(tmp_path):
    with pytest.raises(DatasetError, match="unknown dataset 'mnist'; there are: digits"):
        prepare("mnist", tmp_path)


def test_a_missing_source_is_refused_by_name(tmp_path):
    with pytest.raises(DatasetError, match="no such folder or archive"):
        prepare("cifar10", tmp_path, source=tmp_path / "nowhere")


def test_a_root_that_cannot_be_written_is_one_clear_line(tmp_path):
    (tmp_path / "digits").write_text("a file in the way")
    with pytest.raises(StorageError, match="cannot be written"):
        prepare("digits", tmp_path)
