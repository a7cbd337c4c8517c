"""A dataset as one configuration sees it: its resolution, its augmentation, its batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from nepsbench.datasets.opening import Dataset, SplitTensors
from nepsbench.spaces import Configuration
from nepsbench.training.augmentation import at_resolution, crop_and_flip, random_offsets
from nepsbench.training.randomness import generator
from nepsbench.training.recipe import Recipe
from nepsbench.training.trivial_augment import trivial_augment

Batch = tuple[Tensor, Tensor]

#: Resizing in slices bounds the memory that float copies take.
_SLICE = 4096


@dataclass(frozen=True)
class TrialData:
    """The splits for one trial; valid and test are resized once, training images in each epoch."""

    train: SplitTensors
    valid: SplitTensors
    test: SplitTensors
    mean: Tensor
    std: Tensor
    resolution: float
    trivial_augment: bool

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Channels, height and width that the network sees."""
        channels, height, width = self.valid.images.shape[1:]
        return channels, height, width

    def training_batches(self, recipe: Recipe, *, seed: int, epoch: int) -> Iterator[Batch]:
        """Yield the epoch's shuffled, augmented, normalised batches; the last may be smaller."""
        size = len(self.train)
        random = generator(seed, "data", epoch)
        order = torch.randperm(size, generator=random)
        padding = int(recipe.crop_padding * self.resolution)
        offsets = random_offsets(size, padding=padding, generator=random)
        flips = torch.rand(size, generator=random) < (0.5 if recipe.flip else 0.0)
        for start in range(0, size, recipe.batch_size):
            now = slice(start, start + recipe.batch_size)
            images = self.train.images[order[now]]
            if self.trivial_augment:
                images = trivial_augment(images, generator=random)
            images = crop_and_flip(
                images, offsets=offsets[:, now], flips=flips[now], padding=padding
            )
            images = at_resolution(images, self.resolution)
            yield self._normalised(images), self.train.labels[order[now]]

    def evaluation_batches(self, split: SplitTensors, recipe: Recipe) -> Iterator[Batch]:
        """Yield the split's normalised batches in stored order."""
        for start in range(0, len(split), recipe.batch_size):
            now = slice(start, start + recipe.batch_size)
            yield self._normalised(split.images[now]), split.labels[now]

    def _normalised(self, images: Tensor) -> Tensor:
        return images.float().sub_(self.mean).div_(self.std)


def prepare_trial_data(dataset: Dataset, configuration: Configuration) -> TrialData:
    """Return ``dataset`` at the configuration's Resolution, with its augmentation."""
    resolution = float(configuration["Resolution"])
    record = dataset.record

    def by_channel(values: tuple[float, ...]) -> Tensor:
        return torch.tensor(values).mul_(255)[:, None, None]

    return TrialData(
        train=dataset.train,
        valid=_resized(dataset.valid, resolution),
        test=_resized(dataset.test, resolution),
        mean=by_channel(record.mean),
        std=by_channel(record.std),
        resolution=resolution,
        trivial_augment=bool(configuration["TrivialAugment"]),
    )


def _resized(split: SplitTensors, resolution: float) -> SplitTensors:
    if resolution == 1.0:
        return split
    parts = [at_resolution(part, resolution) for part in torch.split(split.images, _SLICE)]
    return SplitTensors(torch.cat(parts), split.labels)
