"""Readers of published formats on small files: what becomes of the numbers."""

from __future__ import annotations

import csv
import pickle

import numpy as np
import pytest

from nepsbench.datasets import open_dataset, prepare
from nepsbench.datasets.arrays import read_npy
from nepsbench.datasets.clips import read_manifests, read_published
from nepsbench.datasets.labelled_zip import read_labelled_zip
from nepsbench.datasets.members import open_members
from nepsbench.datasets.protein import PAIR_BASE, read_protein
from nepsbench.datasets.sources import (
    cifar100,
    colorectal_histology,
    cosmic,
    darcy_flow,
    deepsea,
    ecg,
    fsd50k,
    imagenet16_120,
    ninapro_db5,
    psicov,
    satellite,
    spherical_cifar100,
)
from nepsbench.datasets.splits import stored_split
from nepsbench.errors import DatasetError
from tests.datasets import published_files as files


def test_cifar100_has_its_images_labels_and_names():
    pool, test, classes = cifar100.parse_archive(files.cifar100_archive(), origin="x")
    assert (pool.inputs.shape, test.inputs.shape) == ((10, 3, 32, 32), (4, 3, 32, 32))
    assert pool.targets.tolist() == list(range(10))
    assert classes[7] == "thing 7"


def test_images_are_labelled_by_their_folder_and_shrunk_by_area():
    content = files.image_zip(colorectal_histology.CLASSES, 64, 2)
    images = read_labelled_zip(content, classes=colorectal_histology.CLASSES, side=32, origin="x")
    assert images.inputs.shape == (16, 3, 32, 32)
    assert images.targets.tolist() == sorted(list(range(8)) * 2)
    whole = read_labelled_zip(content, classes=colorectal_histology.CLASSES, side=64, origin="x")
    means = whole.inputs.reshape(16, 3, 32, 2, 32, 2).mean((3, 5))
    assert np.abs(means - images.inputs).max() <= 1  # Pillow rounds twice


def test_imagenet16_120_keeps_the_first_120_classes_from_zero():
    batch = {"data": files.pixels(5, 768), "labels": [1, 120, 121, 1000, 7]}
    images = imagenet16_120.parse_batch(pickle.dumps(batch), origin="x")
    assert images.targets.tolist() == [0, 119, 6]
    assert np.array_equal(images.inputs.reshape(3, -1), batch["data"][[0, 1, 4]])


@pytest.mark.parametrize(
    ("name", "size", "sizes"),
    [
        ("imagenet16_120", 6_000, [0, 3_000, 3_000]),
        ("ecg", 8_528, [6_822, 853, 853]),
        ("colorectal_histology", 5_000, [4_054, 450, 496]),
        ("uc_merced", 2_100, [1_701, 189, 210]),
    ],
)
def test_stored_splits_are_disjoint_and_of_the_published_sizes(name, size, sizes):
    split = stored_split(name, size)
    assert [len(split[part]) for part in ("train", "valid", "test")] == sizes
    assert np.array_equal(np.sort(np.concatenate(list(split.values()))), np.arange(size))


def test_the_stored_split_of_ecg_is_that_of_scikit_learn():
    from sklearn.model_selection import train_test_split

    train, rest = train_test_split(np.arange(8_528), test_size=0.2, random_state=0)
    valid, test = train_test_split(rest, test_size=0.5, random_state=0)
    stored = stored_split("ecg", 8_528)
    for part, expected in (("train", train), ("valid", valid), ("test", test)):
        assert np.array_equal(stored[part], np.sort(expected))


def test_the_published_spherical_images_go_to_the_network_as_0_to_255(tmp_path):
    files.write_spherical_cifar100(tmp_path)
    splits = spherical_cifar100.parse_file(tmp_path / "s2_cifar100.gz", sizes=(10, 4))
    assert [len(part) for _, part in splits.items()] == [8, 2, 4]
    assert (splits.kind, splits.train.inputs.dtype) == ("raw_pixels", np.uint8)


def test_windows_of_muscle_signals_are_turned_to_channel_and_time():
    arrays = files.ninapro_arrays()
    splits = ninapro_db5.parse_arrays(arrays, sizes=(6, 6, 6))
    assert splits.valid.inputs.shape == (6, 1, 16, 52)
    assert splits.valid.inputs[3, 0, 5, 7] == np.float32(arrays["ninapro_val.npy"][3, 7, 5])


def test_a_gesture_that_there_is_not_is_refused():
    arrays = files.ninapro_arrays()
    arrays["label_test.npy"][0] = 18
    with pytest.raises(DatasetError, match=r"label_test\.npy: labels from 1 to 18, expected 0 to"):
        ninapro_db5.parse_arrays(arrays, sizes=(6, 6, 6))


def test_darcy_flow_is_normalised_by_place_and_undone_for_the_loss(tmp_path):
    files.write_darcy_flow(tmp_path)
    paths = [tmp_path / name for name in darcy_flow.FILES]
    splits = darcy_flow.parse_files(*paths, grid=11, sizes=(6, 2, 3))
    train = splits.train
    assert train.inputs.shape == train.targets.shape == (6, 3, 3, 3)
    assert np.allclose(train.inputs[:, 0].mean(0), 0, atol=1e-6)
    assert train.inputs[0, 1, 1].tolist() == train.inputs[0, 2, :, 1].tolist() == [0, 0.5, 1]
    truth, scale, offset = train.targets.swapaxes(0, 1)
    encoded = (truth - offset) / scale
    assert np.allclose(encoded.std(0, ddof=1), 1, atol=1e-3)


def test_a_protein_is_padded_and_knows_its_pairs(tmp_path):
    files.write_psicov(tmp_path)
    member = open_members(tmp_path, psicov.FILE)
    protein = read_protein(member, "deepcov", "1aaa")
    features, targets = protein.part(0, 0, 128)
    known = pickle.loads(member("deepcov/features/1aaa.pkl"))
    assert features.shape == (57, 128, 128)
    i, j = 3, 30
    place = (i + 5, j + 5)
    assert features[2][place] == np.float16(known["ss"][1, j])
    assert features[3][place] == np.float16(known["ss"][1, i])
    assert features[55][place] == np.float16(known["freecon"][i, j])
    assert targets[1][place] == PAIR_BASE * i + j
    assert targets[0][place] == np.minimum(protein.distances[i, j], 16)
    assert (targets[0, 45:], targets[1, 45:], features[:, :5]) == pytest.approx((16, -1, 0))


def test_the_diagonal_of_distances_is_the_mean_of_its_neighbours(tmp_path):
    files.write_psicov(tmp_path)
    distances = read_protein(open_members(tmp_path, psicov.FILE), "psicov", "1ccc").distances
    assert distances.min() >= 1
    assert distances[7, 7] == pytest.approx((distances[7, 6] + distances[7, 8]) / 2)
    assert distances[0, 0] == distances[0, 1]


def test_test_proteins_are_covered_by_windows_and_grouped(tmp_path):
    files.write_psicov(tmp_path)
    splits = psicov.parse_members(open_members(tmp_path, psicov.FILE), sizes=(1, 2, 2))
    assert [len(part) for _, part in splits.items()] == [1, 1, 1 + 4]
    assert splits.test.groups.tolist() == [0, 1, 1, 1, 1]
    pairs = splits.test.targets[1:, 1]
    assert np.array_equal(
        np.sort(pairs[pairs >= 0]),
        np.sort((PAIR_BASE * np.arange(140)[:, None] + np.arange(140)).ravel()),
    )


def test_cosmic_takes_galaxies_of_one_filter_and_crops_them(tmp_path):
    files.write_cosmic(tmp_path)
    pool = cosmic.parse_archive(tmp_path, cosmic.TRAIN_FILE, "npy_train")
    assert (pool.inputs.shape, pool.targets.shape) == ((3, 1, 128, 128), (3, 2, 128, 128))
    unpacked = tmp_path / "unpacked"
    for name, content in files.cosmic_members("npy_train", 2, layers=2).items():
        path = unpacked / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    images = cosmic.parse_archive(unpacked, cosmic.TRAIN_FILE, "npy_train")
    stack = np.load(unpacked / "npy_train/f435w/10760/2/2_1.npy")
    assert np.array_equal(images.inputs[1, 0], stack[0, 64:192, 64:192])
    assert np.array_equal(images.targets[1, 0], stack[1, 64:192, 64:192])
    assert not images.targets[:, 1].any()
    assert images.backgrounds.tolist() == [1 / 8, 2 / 8]  # of the exposure its name begins with


def test_a_sky_that_lacks_or_is_too_short_is_named(tmp_path):
    members = files.cosmic_members("npy_train", 2)
    sky = "npy_train/f435w/10760/2/sky.npy"
    for content, message in ((None, f"lacks {sky}"), (np.ones(1), "2_1.npy is none of the 1")):
        kept = {name: member for name, member in members.items() if name != sky}
        if content is not None:
            kept[sky] = files.npy(content)
        (tmp_path / cosmic.TRAIN_FILE).write_bytes(files.tar_of(kept, mode="w"))
        with pytest.raises(DatasetError, match=message):
            cosmic.parse_archive(tmp_path, cosmic.TRAIN_FILE, "npy_train")


def test_windows_of_a_heart_are_as_many_as_its_class_asks_for(tmp_path):
    files.write_ecg(tmp_path)
    data, labels = ecg._read_pickle(tmp_path / "challenge2017.pkl")
    splits = ecg.windowed(data, labels)
    steps = {"N": 500, "A": 83, "O": 250, "~": 25}
    expected = sum(
        len(range(0, len(row) - 1000, steps[label]))
        for row, label in zip(data, labels, strict=True)
    )
    assert sum(len(part) for _, part in splits.items()) == expected
    assert splits.train.groups is None
    assert set(splits.test.groups.tolist()) == {0, 1}


def test_a_recording_is_standardised_before_it_is_cut():
    data, _ = files.recordings(1)
    signal = ecg._signal(data[0], 2)
    assert (signal.values.mean(), signal.values.std()) == pytest.approx((0, 1), abs=1e-5)
    assert signal.step == 250


def test_satellite_series_are_standardised_and_the_last_of_the_pool_are_valid(tmp_path):
    files.write_satellite(tmp_path)
    splits = satellite.parse_files(*(tmp_path / name for name in satellite.FILES))
    assert [len(part) for _, part in splits.items()] == [8, 4, 4]
    assert splits.valid.targets.tolist() == [8, 9, 10, 11]
    raw = np.load(tmp_path / satellite.FILES[0], allow_pickle=True).item()["data"][8]
    assert np.allclose(splits.valid.inputs[0, 0], (raw - raw.mean()) / raw.std(), atol=1e-6)


def test_an_array_file_that_calls_anything_is_refused(tmp_path):
    array = np.array({"data": np.random.default_rng}, object)
    np.save(tmp_path / "evil.npy", array)
    with pytest.raises(DatasetError, match=r"evil\.npy: not a pickle of plain data: it asks for"):
        read_npy(tmp_path / "evil.npy")


def test_letters_of_dna_are_channels_and_stay_bytes(tmp_path):
    files.write_deepsea(tmp_path)
    path = tmp_path / "deepsea_filtered.npz"
    splits = deepsea.parse_file(path)
    assert (splits.test.inputs.shape, splits.test.inputs.dtype) == ((4, 4, 1000), np.uint8)
    assert np.array_equal(splits.test.inputs[2, :, 9], np.load(path)["x_test"][2, 9])
    assert splits.test.targets.shape == (4, 36)


def test_clips_are_chunks_of_a_second_and_training_clips_one_of_them(tmp_path):
    files.write_fsd50k(tmp_path)
    splits = fsd50k.spectrograms(read_published(tmp_path))
    assert splits.task.classes == ("Bark", "Dog")
    assert [len(part) for _, part in splits.items()] == [1, 4, 2]
    assert splits.valid.groups.tolist() == [0, 0, 0, 0]
    assert splits.test.targets.tolist() == [[1, 1], [1, 1]]
    assert splits.valid.inputs.shape == (4, 1, 96, 101)


def test_published_chunks_are_found_by_their_names_and_not_cut_again(tmp_path):
    chunks = tmp_path / "data" / "chunks"
    chunks.mkdir(parents=True)
    (chunks / "lbl_map.json").write_text('{"Dog": 1, "Bark": 0}')
    for name, clips in (("tr", "12"), ("val", "3"), ("eval", "4")):
        with (chunks / f"{name}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("files", "labels", "ext"))
            for clip in clips:
                for part in range(2):
                    wav = f"{clip}_{part:04d}.wav"
                    files.write_sound(chunks / wav, 1.0, rate=22_050)
                    writer.writerow((f"/elsewhere/{wav}", "Dog,Bark", clip))
    splits = fsd50k.spectrograms(read_manifests(tmp_path))
    assert [len(part) for _, part in splits.items()] == [2, 2, 2]
    assert splits.task.classes == ("Bark", "Dog")
    (chunks / "4_0001.wav").unlink()
    with pytest.raises(DatasetError, match=r"lacks 4_0001\.wav, which eval\.csv lists"):
        read_manifests(tmp_path)


def test_prepared_bytes_become_numbers_as_they_are(tmp_path, monkeypatch):
    files.write_deepsea(tmp_path)
    monkeypatch.setattr(deepsea, "read", lambda source: deepsea.parse_file(source))
    record = prepare("deepsea", tmp_path / "root", source=tmp_path / "deepsea_filtered.npz")
    assert (record.kind, record.mean, record.std) == ("numbers", (), ())
    opened = open_dataset("deepsea", tmp_path / "root")
    assert opened.train.inputs.float().sum(1).unique().tolist() == [1.0]
