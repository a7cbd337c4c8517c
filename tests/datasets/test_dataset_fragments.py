"""Real fragments of the published data, prepared, opened, and learned from by one step."""

from __future__ import annotations

import csv
import os
import zipfile
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nepsbench.datasets import Dataset, open_dataset, prepare
from nepsbench.datasets.sources import fashion_mnist
from nepsbench.datasets.sphere import project
from nepsbench.spaces import get_space
from nepsbench.training.loop import TrainingState, train_epochs
from nepsbench.training.objective import loss_function, new_meter
from nepsbench.training.recipe import Augmentation, get_recipe
from nepsbench.training.trial_data import prepare_trial_data

DATA = Path(os.environ.get("NEPSBENCH_SHARED_DATA", "."))
needs_data = pytest.mark.skipif(
    not (DATA / "ecg_physionet2017").is_dir(), reason="NEPSBENCH_SHARED_DATA is not set"
)
pytestmark = needs_data


def learn(dataset: Dataset) -> float:
    """Take one step of a linear network, and return the metric of valid."""
    outputs = dataset.task.outputs
    flat = int(np.prod(dataset.record.shape))
    network: torch.nn.Module = (
        torch.nn.Conv2d(dataset.record.shape[0], outputs, 1)
        if dataset.task.dense
        else torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(flat, outputs))
    )
    loss = loss_function(dataset.task)(
        network(dataset.train.inputs[:8].float()), dataset.train.targets[:8]
    )
    loss.backward()
    assert all(weights.grad.isfinite().all() for weights in network.parameters())
    meter = new_meter(dataset.task, groups=dataset.valid.groups)
    with torch.inference_mode():
        for inputs, targets in zip(
            dataset.valid.inputs.split(64), dataset.valid.targets.split(64), strict=True
        ):
            meter.add(network(inputs.float()), targets)
    return meter.value()


def prepared(name: str, tmp_path: Path, source: Path) -> Dataset:
    prepare(name, tmp_path / "root", source=source)
    return open_dataset(name, tmp_path / "root")


def part_of_zip(source: Path, target: Path, names: list[str]) -> None:
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(target, "w") as part:
        for name in names:
            part.writestr(name, archive.read(name))


def test_darcy_flow_of_16_by_16(tmp_path):
    dataset = prepared("darcy_flow", tmp_path, DATA / "darcy_flow" / "darcy.npz")
    assert dataset.record.sizes == {"train": 900, "valid": 100, "test": 50}
    assert dataset.record.shape == (3, 16, 16)
    assert 0 < learn(dataset) < 2


def test_hearts_of_physionet(tmp_path):
    whole = DATA / "ecg_physionet2017" / "shared_400.zip"
    with zipfile.ZipFile(whole) as archive:
        lines = archive.read("REFERENCE.csv").decode().splitlines()[::16]
    part = tmp_path / "part.zip"
    part_of_zip(whole, part, [f"{line.split(',')[0]}.mat" for line in lines])
    with zipfile.ZipFile(part, "a") as archive:
        archive.writestr("REFERENCE.csv", "\n".join(lines))
    dataset = prepared("ecg", tmp_path, part)
    assert dataset.record.shape == (1, 1000)
    assert len(dataset.valid.groups.unique()) == 2
    assert 0 <= learn(dataset) <= 1


def test_gestures_of_an_armband(tmp_path):
    with np.load(DATA / "emg_myo" / "shared_6_sessions.npz") as file:
        chosen = np.isin(file["session"], (0, 1, 2))
        arrays = {name: file[name][chosen][::4] for name in ("emg", "label", "session")}
    np.savez(tmp_path / "myo.npz", **arrays)
    dataset = prepared("ninapro_db5", tmp_path, tmp_path / "myo.npz")
    assert (dataset.record.shape, dataset.task.outputs) == ((1, 8, 52), 8)
    assert dataset.train.inputs.abs().max() <= 1
    assert 0 <= learn(dataset) <= 100


def test_spoken_digits_as_sound_events(tmp_path):
    folder = tmp_path / "sounds"
    with zipfile.ZipFile(DATA / "audio_fsdd" / "shared_600.zip") as archive:
        names = sorted(archive.namelist())[::20]
        archive.extractall(folder, names)
    with (folder / "clips.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("fname", "labels", "split"))
        for number, name in enumerate(names):
            digit, speaker, _ = name.split("_")
            split = ("train", "train", "valid", "test")[number % 4]
            writer.writerow((name, f"{digit},{speaker}", split))
    dataset = prepared("fsd50k", tmp_path, folder)
    assert dataset.record.shape == (1, 96, 101)
    assert dataset.train.targets.sum(1).tolist() == [2] * len(dataset.train)
    assert 0 <= learn(dataset) <= 1


def test_cifar_images_on_a_sphere():
    with zipfile.ZipFile(DATA / "cifar10_jpeg" / "shared_test_2000.zip") as archive:
        names = [name for name in archive.namelist() if name.endswith(".jpg")][:8]
        images = [np.asarray(Image.open(archive.open(name)).convert("RGB")) for name in names]
    seen = project(np.stack(images).transpose(0, 3, 1, 2), name="x")
    assert seen.shape == (8, 3, 60, 60)
    assert (seen.std((2, 3)) > 10).all()


def test_the_published_test_files_of_fashion_mnist_are_known():
    folder = DATA / "fashion_mnist"
    images = fashion_mnist._content("t10k-images-idx3-ubyte.gz", folder)
    assert sha256(images).hexdigest() == fashion_mnist.CONTENT["t10k-images-idx3-ubyte.gz"]
    assert fashion_mnist.parse_idx(images, origin="x").shape == (10_000, 28, 28)


def test_darcy_flow_is_learned_by_the_training_loop(tmp_path):
    dataset = prepared("darcy_flow", tmp_path, DATA / "darcy_flow" / "darcy.npz")
    recipe = get_recipe("nepsbench101").model_copy(
        update={
            "augmentation": Augmentation(),
            "batch_size": 20,
            "learning_rate": 0.1,
            "resolution": 1.0,
        }
    )
    settings = recipe.settings(get_space("nepsbench101").defaults | {"Resolution": 1.0})
    data = prepare_trial_data(dataset, settings)
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 5, padding=2), torch.nn.ReLU(), torch.nn.Conv2d(8, 1, 5, padding=2)
    )
    state = TrainingState(network, torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9))
    epochs = list(train_epochs(state, data, settings=settings, seed=1, until=2))
    assert epochs[-1]["valid_rel_l2"] < 0.4  # the mean of all maps has 0.48
    assert epochs[-1]["test_loss"] == pytest.approx(epochs[-1]["test_rel_l2"], rel=1e-5)
    assert "valid_acc" not in epochs[-1]
