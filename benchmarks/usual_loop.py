"""Reference, not nepsbench: the same training as it is usually written.

Image after image is augmented with Pillow in a ``DataLoader``, as torchvision does it; the network
is of torch's own layers in their default layout, and computes every operation of every cell.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageEnhance, ImageOps
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from nepsbench.datasets.opening import SplitTensors
from nepsbench.spaces.cells import JAHS_EDGES
from nepsbench.spaces.nepsbench101 import cell_of
from nepsbench.spaces.parameters import Scalar
from nepsbench.training.recipe import Settings

_ACTIVATIONS = {"ReLU": nn.ReLU, "Hardswish": nn.Hardswish, "Mish": nn.Mish}
_AFFINE = Image.Transform.AFFINE


class PillowImages(Dataset[tuple[Tensor, Tensor]]):
    """Images that are augmented and normalised one by one.

    Args:
        split: Pixels and labels.
        settings: Resolution and augmentation.
        mean: By channel, of pixels 0..1.
        std: Likewise.
    """

    def __init__(
        self,
        split: SplitTensors,
        settings: Settings,
        *,
        mean: tuple[float, ...],
        std: tuple[float, ...],
    ) -> None:
        arrays = split.inputs.permute(0, 2, 3, 1).numpy()
        self._images = [Image.fromarray(array) for array in arrays]
        self._targets = split.targets
        self._settings = settings
        self._padding = int(4 * settings.resolution)
        self._mean = torch.tensor(mean)[:, None, None]
        self._std = torch.tensor(std)[:, None, None]

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image = self._images[index]
        if self._settings.trivial_augment:
            image = _trivial_augment(image)
        if random.random() < 0.5:
            image = ImageOps.mirror(image)
        image = _cropped(image, self._padding)
        if self._settings.resolution != 1.0:
            size = [int(n * self._settings.resolution) for n in image.size]
            image = image.resize(size, Image.Resampling.BILINEAR)
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous().float().div(255)
        return pixels.sub_(self._mean).div_(self._std), self._targets[index]


def _cropped(image: Image.Image, padding: int) -> Image.Image:
    padded = ImageOps.expand(image, border=padding)
    top, left = random.randint(0, 2 * padding), random.randint(0, 2 * padding)
    return padded.crop((left, top, left + image.width, top + image.height))


def _trivial_augment(image: Image.Image) -> Image.Image:
    strength, signed = random.randint(0, 30) / 30, random.choice((-1, 1))
    s = strength * signed
    kind = random.randrange(14)
    shapes = {
        0: (1, 0.3 * s, 0, 0, 1, 0),
        1: (1, 0, 0, 0.3 * s, 1, 0),
        2: (1, 0, int(10 * s), 0, 1, 0),
        3: (1, 0, 0, 0, 1, int(10 * s)),
    }
    if kind in shapes:
        return image.transform(image.size, _AFFINE, shapes[kind])
    enhancements = {
        4: ImageEnhance.Color,
        5: ImageEnhance.Contrast,
        6: ImageEnhance.Brightness,
        7: ImageEnhance.Sharpness,
    }
    if kind in enhancements:
        return enhancements[kind](image).enhance(0.1 + 1.8 * strength)
    if kind == 8:
        return image.rotate(int(30 * s))
    if kind == 9:
        return ImageOps.solarize(image, 256 - int(256 * strength))
    if kind == 10:
        return ImageOps.posterize(image, 8 - int(4 * strength))
    if kind == 11:
        return ImageOps.autocontrast(image)
    return ImageOps.equalize(image) if kind == 12 else image


class _Zero(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mul(0.0)


class _Cell(nn.Module):
    def __init__(self, cell: tuple[str, ...], width: int, activation: type[nn.Module]) -> None:
        super().__init__()
        self.edges = nn.ModuleList(_operation(name, width, activation) for name in cell)

    def forward(self, x: Tensor) -> Tensor:
        nodes = [x]
        for node in (1, 2, 3):
            arriving = [
                operation(nodes[source])
                for (source, target), operation in zip(JAHS_EDGES, self.edges, strict=True)
                if target == node
            ]
            nodes.append(torch.stack(arriving).sum(0) if len(arriving) > 1 else arriving[0])
        return nodes[-1]


def _operation(name: str, width: int, activation: type[nn.Module]) -> nn.Module:
    if name == "none":
        return _Zero()
    if name == "skip_connect":
        return nn.Identity()
    if name == "avg_pool_3x3":
        return nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
    return _conv_bn(width, width, 3 if name == "nor_conv_3x3" else 1, activation)


def _conv_bn(
    c_in: int, c_out: int, kernel: int, activation: type[nn.Module], stride: int = 1
) -> nn.Sequential:
    conv = nn.Conv2d(c_in, c_out, kernel, stride=stride, padding=kernel // 2, bias=False)
    return nn.Sequential(activation(), conv, nn.BatchNorm2d(c_out))


class _Reduction(nn.Module):
    def __init__(self, width: int, activation: type[nn.Module]) -> None:
        super().__init__()
        self.main = nn.Sequential(
            _conv_bn(width, 2 * width, 3, activation, stride=2),
            _conv_bn(2 * width, 2 * width, 3, activation),
        )
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(width, 2 * width, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        main: Tensor = self.main(x)
        shortcut: Tensor = self.shortcut(x)
        return main + shortcut


def usual_network(configuration: Mapping[str, Scalar]) -> nn.Sequential:
    """Return the network of a configuration of nepsbench101, of torch's own layers alone."""
    width, depth = int(configuration["W"]), int(configuration["N"])
    activation = _ACTIVATIONS[str(configuration["Activation"])]
    cell = cell_of(configuration)
    layers: list[nn.Module] = [nn.Conv2d(3, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)]
    for stage in range(3):
        if stage:
            layers.append(_Reduction(width, activation))
            width *= 2
        layers += [_Cell(cell, width, activation) for _ in range(depth)]
    head = (nn.BatchNorm2d(width), activation(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return nn.Sequential(*layers, *head, nn.Linear(width, 10))


def usual_optimizer(
    network: nn.Module, configuration: Mapping[str, Scalar]
) -> torch.optim.Optimizer:
    """Return torch's optimiser with its default settings of speed."""
    rates = {
        "lr": float(configuration["LearningRate"]),
        "weight_decay": float(configuration["WeightDecay"]),
    }
    if configuration["Optimizer"] == "AdamW":
        return torch.optim.AdamW(network.parameters(), **rates)
    return torch.optim.SGD(network.parameters(), momentum=0.9, nesterov=True, **rates)


def train(
    network: nn.Module, optimizer: torch.optim.Optimizer, images: PillowImages, *, batch_size: int
) -> float:
    """Train for one epoch; return its CPU seconds."""
    loader = DataLoader(images, batch_size=batch_size, shuffle=True, num_workers=0)
    start = time.process_time()
    total = correct = 0.0
    network.train()
    for inputs, targets in loader:
        optimizer.zero_grad()
        outputs = network(inputs)
        loss = F.cross_entropy(outputs, targets)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(targets)
        correct += (outputs.argmax(1) == targets).sum().item()
    return time.process_time() - start
