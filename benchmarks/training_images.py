"""Images for the training figures: real ones of CIFAR-10 where they are at hand, else random."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from nepsbench.datasets.image_folder import read_image_zip
from nepsbench.datasets.opening import Dataset, SplitTensors
from nepsbench.datasets.record import DatasetRecord
from nepsbench.datasets.sources.cifar10 import CLASSES
from nepsbench.datasets.task import classification

#: Of CIFAR-10's training images, as every implementation rounds them.
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
#: Evaluation is no part of these figures, but the loop has one.
_EVALUATED = 2


def dataset_of(count: int) -> Dataset:
    """Return a dataset with ``count`` training images of 32x32 and hardly any others."""
    images = _images(count)
    few = SplitTensors(images.inputs[:_EVALUATED], images.targets[:_EVALUATED])
    sizes = {"train": count, "valid": _EVALUATED, "test": _EVALUATED}
    task = classification(CLASSES)
    record = DatasetRecord("cifar10", "bench", (3, 32, 32), task, MEAN, STD, sizes, files={})
    return Dataset(record, images, few, few)


def _images(count: int) -> SplitTensors:
    folder = os.environ.get("NEPSBENCH_SHARED_DATA")
    path = Path(folder or "") / "cifar10_jpeg/shared_train_10000.zip"
    random = torch.Generator().manual_seed(0)
    if not (folder and path.exists()):
        pixels = torch.randint(256, (count, 3, 32, 32), dtype=torch.uint8, generator=random)
        return SplitTensors(pixels, torch.randint(10, (count,), generator=random))
    found = read_image_zip(path, classes=CLASSES)["train"]
    chosen = torch.randperm(len(found), generator=random)[:count]
    inputs, targets = torch.from_numpy(found.inputs), torch.from_numpy(found.targets)
    return SplitTensors(inputs[chosen], targets[chosen])
