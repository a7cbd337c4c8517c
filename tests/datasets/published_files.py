"""Files in the exact formats that datasets are published in, only smaller."""

from __future__ import annotations

import csv
import gzip
import io
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy.io import savemat, wavfile

from nepsbench.datasets.sources import (
    cifar100,
    colorectal_histology,
    cosmic,
    darcy_flow,
    imagenet16_120,
    psicov,
    satellite,
    spherical_cifar100,
    uc_merced,
)

RANDOM = np.random.default_rng(0)


def tar_of(members: dict[str, bytes], mode: str = "w:gz") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def npy(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def pixels(*shape: int) -> np.ndarray:
    return RANDOM.integers(0, 256, shape, dtype=np.uint8)


def cifar100_archive(train: int = 10, test: int = 4) -> bytes:
    def part(size: int) -> bytes:
        labels = [k % 100 for k in range(size)]
        return pickle.dumps({"data": pixels(size, 3072), "fine_labels": labels}, protocol=2)

    meta = pickle.dumps({"fine_label_names": [f"thing {k}" for k in range(100)]})
    members = {"train": part(train), "test": part(test), "meta": meta}
    return tar_of({f"cifar-100-python/{name}": content for name, content in members.items()})


def write_cifar100(folder: Path) -> None:
    (folder / cifar100.FILE).write_bytes(cifar100_archive())


def image_zip(classes: tuple[str, ...], side: int, each: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in classes:
            for number in range(each):
                image = io.BytesIO()
                Image.fromarray(pixels(side, side, 3)).save(image, "TIFF")
                archive.writestr(f"Images/{name}/{name}{number:02d}.tif", image.getvalue())
    return buffer.getvalue()


def write_colorectal_histology(folder: Path) -> None:
    content = image_zip(colorectal_histology.CLASSES, 150, 2)
    (folder / colorectal_histology.FILE).write_bytes(content)


def write_uc_merced(folder: Path) -> None:
    (folder / uc_merced.FILE).write_bytes(image_zip(uc_merced.CLASSES, 64, 1))


def write_imagenet16_120(folder: Path) -> None:
    for name in (*imagenet16_120.TRAIN_FILES, *imagenet16_120.TEST_FILES):
        batch = {"data": pixels(5, 768), "labels": [1, 120, 121, 1000, 7], "mean": np.zeros(768)}
        (folder / name).write_bytes(pickle.dumps(batch))


def write_spherical_cifar100(folder: Path, train: int = 10, test: int = 4) -> None:
    parts = {
        name: {"images": pixels(size, 3, 60, 60), "labels": np.arange(size) % 100}
        for name, size in (("train", train), ("test", test))
    }
    (folder / spherical_cifar100.FILE).write_bytes(gzip.compress(pickle.dumps(parts)))


def ninapro_arrays(size: int = 6) -> dict[str, np.ndarray]:
    arrays = {}
    for split in ("train", "val", "test"):
        arrays[f"ninapro_{split}.npy"] = RANDOM.normal(size=(size, 52, 16))
        arrays[f"label_{split}.npy"] = np.arange(size) % 18
    return arrays


def write_ninapro_db5(folder: Path) -> None:
    for name, array in ninapro_arrays().items():
        (folder / name).write_bytes(npy(array))


def write_sound(path: Path, seconds: float, rate: int = 44_100) -> None:
    time = np.arange(int(seconds * rate)) / rate
    wave = np.sin(2 * np.pi * 440 * time) * 20_000
    wavfile.write(path, rate, wave.astype(np.int16))


def write_rows(path: Path, rows: list[tuple[str, ...]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def write_fsd50k(folder: Path) -> None:
    truth, dev, evaluation = (
        folder / f"FSD50K.{part}" for part in ("ground_truth", "dev_audio", "eval_audio")
    )
    for path in (truth, dev, evaluation):
        path.mkdir()
    write_rows(
        truth / "dev.csv",
        [
            ("fname", "labels", "mids", "split"),
            ("10", "Bark,Dog", "/m/1,/m/2", "train"),
            ("11", "Dog", "/m/2", "val"),
        ],
    )
    write_rows(truth / "eval.csv", [("fname", "labels", "mids"), ("12", "Bark,Dog", "/m/1,/m/2")])
    write_rows(truth / "vocabulary.csv", [("0", "Bark", "/m/1"), ("1", "Dog", "/m/2")])
    for path, seconds in ((dev / "10.wav", 0.4), (dev / "11.wav", 1.7), (evaluation / "12.wav", 1)):
        write_sound(path, seconds)


def write_darcy_flow(folder: Path, grid: int = 11, rows: int = 8) -> None:
    for name in darcy_flow.FILES:
        fields = {
            "coeff": RANDOM.choice([3.0, 12.0], (rows, grid, grid)),
            "sol": RANDOM.random((rows, grid, grid)),
        }
        savemat(folder / name, fields, do_compression=True)


def protein_files(folder: str, name: str, length: int) -> dict[str, bytes]:
    known = {
        "seq": "A" * length,
        "ss": RANDOM.random((3, length)),
        "pssm": RANDOM.random((length, 22)),
        "sa": RANDOM.random(length),
        "entropy": RANDOM.random(length),
        **{key: RANDOM.random((length, length)) for key in ("ccmpred", "freecon", "potential")},
    }
    distances = RANDOM.uniform(0, 30, (length, length)).astype(np.float32)
    triple = np.empty(3, object)
    triple[:] = [length, "A" * length, (distances + distances.T) / 2]
    return {
        f"{folder}/features/{name}.pkl": pickle.dumps(known),
        f"{folder}/distance/{name}-cb.npy": npy(triple),
    }


def write_psicov(folder: Path) -> None:
    lengths = {"deepcov": {"1aaa": 40, "1bbb": 150}, "psicov": {"1ccc": 60, "1ddd": 140}}
    with zipfile.ZipFile(folder / psicov.FILE, "w", zipfile.ZIP_DEFLATED) as archive:
        for kind, proteins in lengths.items():
            archive.writestr(f"{kind}.lst", "".join(f"{n} {k}\n" for n, k in proteins.items()))
            for name, length in proteins.items():
                for path, content in protein_files(kind, name, length).items():
                    archive.writestr(path, content)


def cosmic_members(part: str, images: int, layers: int = 3) -> dict[str, bytes]:
    members = {}
    for number in range(1, images + 1):
        stack = RANDOM.random((layers, 256, 256)).astype(np.float32)
        stack[1:] = stack[1:] > 0.9
        members[f"{part}/f435w/10760/2/{number}_1.npy"] = npy(stack)
    members[f"{part}/f435w/10760/2/sky.npy"] = npy(np.arange(1, images + 1) / 8)
    members[f"{part}/f435w/10595/2/1_1.npy"] = npy(np.zeros((3, 256, 256), np.float32))
    members[f"{part}/f606w/10760/2/1_1.npy"] = npy(np.zeros((3, 256, 256), np.float32))
    return members


def write_cosmic(folder: Path) -> None:
    for archive, part in ((cosmic.TRAIN_FILE, "npy_train"), (cosmic.TEST_FILE, "npy_test")):
        (folder / archive).write_bytes(tar_of(cosmic_members(part, 3), mode="w"))


def recordings(count: int) -> tuple[np.ndarray, np.ndarray]:
    data = np.empty(count, object)
    data[:] = [RANDOM.integers(-500, 500, 2000 + 50 * k).astype(np.int16) for k in range(count)]
    return data, np.array([("N", "A", "O", "~")[k % 4] for k in range(count)], object)


def write_ecg(folder: Path, count: int = 24) -> None:
    data, labels = recordings(count)
    content = pickle.dumps({"data": data, "label": labels})
    (folder / "challenge2017.pkl").write_bytes(content)


def write_satellite(folder: Path, train: int = 12, test: int = 4) -> None:
    for name, size in zip(satellite.FILES, (train, test), strict=True):
        series = RANDOM.normal(5, 2, (size, 46))
        (folder / name).write_bytes(npy({"data": series, "label": np.arange(size) % 24 + 1}))


def write_deepsea(folder: Path, size: int = 4) -> None:
    arrays: dict[str, Any] = {}
    for split in ("train", "val", "test"):
        letters = np.eye(4, dtype=np.uint8)[RANDOM.integers(0, 4, (size, 1000))]
        arrays[f"x_{split}"] = letters
        arrays[f"y_{split}"] = RANDOM.integers(0, 2, (size, 36))
    np.savez(folder / "deepsea_filtered.npz", **arrays)


#: What writes the small files of a dataset into a folder.
WRITERS: dict[str, Callable[[Path], None]] = {
    "cifar100": write_cifar100,
    "colorectal_histology": write_colorectal_histology,
    "uc_merced": write_uc_merced,
    "imagenet16_120": write_imagenet16_120,
    "spherical_cifar100": write_spherical_cifar100,
    "ninapro_db5": write_ninapro_db5,
    "fsd50k": write_fsd50k,
    "darcy_flow": write_darcy_flow,
    "psicov": write_psicov,
    "cosmic": write_cosmic,
    "ecg": write_ecg,
    "satellite": write_satellite,
    "deepsea": write_deepsea,
}
