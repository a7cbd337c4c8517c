"""A dataset as one trial sees it: its resolution, its augmentation, its batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from nepsbench.datasets.opening import Dataset, SplitTensors
from nepsbench.datasets.record import DatasetRecord
from nepsbench.datasets.task import Task
from nepsbench.errors import SpecError
from nepsbench.spaces.networks import Problem
from nepsbench.training.augmentation import at_resolution, crop_and_flip, random_offsets
from nepsbench.training.cutout import cut_out, random_centres
from nepsbench.training.randomness import generator
from nepsbench.training.recipe import Recipe, Settings
from nepsbench.training.trivial_augment import trivial_augment

Batch = tuple[Tensor, Tensor]

#: Resizing in slices bounds the memory that float copies take.
_SLICE = 4096


@dataclass(frozen=True)
class TrialData:
    """The splits for one trial; valid and test are resized once, training images in each epoch.

    Attributes:
        task: What is learned.
        settings: Batch size, resolution and augmentation.
        train: As the dataset has it.
        valid: At the trial's resolution; as the dataset has it if it is augmented.
        test: At the trial's resolution.
        mean: By channel, of pixels 0..255; None for inputs that are not normalised.
        std: By channel, likewise.
    """

    task: Task
    settings: Settings
    train: SplitTensors
    valid: SplitTensors
    test: SplitTensors
    mean: Tensor | None
    std: Tensor | None

    @property
    def problem(self) -> Problem:
        """What the network is built for."""
        return Problem(tuple(self.test.inputs.shape[1:]), self.task.outputs, self.task.dense)

    @property
    def steps(self) -> int:
        """Batches of an epoch."""
        return -(-len(self.train) // self.settings.batch_size)

    def training_batches(self, *, seed: int, epoch: int) -> Iterator[Batch]:
        """Yield the epoch's shuffled, augmented, normalised batches; the last may be smaller."""
        random = generator(seed, "data", epoch)
        order = torch.randperm(len(self.train), generator=random)
        return self._augmented(self.train, order, random)

    def validation_batches(self, *, seed: int, epoch: int) -> Iterator[Batch]:
        """Yield the validation split in stored order, augmented if the recipe says so."""
        if not self.settings.recipe.augmentation.valid:
            return self.evaluation_batches(self.valid)
        random = generator(seed, "validation data", epoch)
        return self._augmented(self.valid, torch.arange(len(self.valid)), random)

    def _augmented(
        self, split: SplitTensors, order: Tensor, random: torch.Generator
    ) -> Iterator[Batch]:
        size, resolution = len(split), self.settings.resolution
        augmentation = self.settings.recipe.augmentation
        padding = int(augmentation.crop_padding * resolution)
        offsets = random_offsets(size, padding=padding, generator=random)
        flips = torch.rand(size, generator=random) < (0.5 if augmentation.flip else 0.0)
        side = int(augmentation.cutout * resolution)
        centres = random_centres(size, self.problem.shape, generator=random) if side else None
        for start in range(0, size, self.settings.batch_size):
            now = slice(start, start + self.settings.batch_size)
            inputs = split.inputs[order[now]]
            if self.settings.trivial_augment:
                inputs = trivial_augment(inputs, generator=random)
            if padding or augmentation.flip:
                inputs = crop_and_flip(
                    inputs, offsets=offsets[:, now], flips=flips[now], padding=padding
                )
            inputs = self._normalised(at_resolution(inputs, resolution))
            if centres is not None:
                cut_out(inputs, centres=centres[:, now], side=side)
            yield inputs, split.targets[order[now]]

    def evaluation_batches(self, split: SplitTensors) -> Iterator[Batch]:
        """Yield the split's normalised batches in stored order."""
        for start in range(0, len(split), self.settings.batch_size):
            now = slice(start, start + self.settings.batch_size)
            yield self._normalised(split.inputs[now]), split.targets[now]

    def _normalised(self, inputs: Tensor) -> Tensor:
        if self.mean is None or self.std is None:
            return inputs.float()
        return inputs.float().sub_(self.mean).div_(self.std)


def prepare_trial_data(dataset: Dataset, settings: Settings) -> TrialData:
    """Return ``dataset`` at the trial's resolution, with its augmentation.

    Raises:
        SpecError: If the recipe changes images, and the dataset holds none.
    """
    record = dataset.record
    require_images(settings.recipe, record)

    def by_channel(values: tuple[float, ...], scale: int = 1) -> Tensor | None:
        shape = (-1, *(1 for _ in record.shape[1:]))
        return torch.tensor(values).mul_(scale).reshape(shape) if values else None

    recipe = settings.recipe
    constants = recipe.normalisation
    valid = dataset.valid
    return TrialData(
        task=dataset.task,
        settings=settings,
        train=dataset.train,
        valid=valid if recipe.augmentation.valid else _resized(valid, settings.resolution),
        test=_resized(dataset.test, settings.resolution),
        mean=by_channel(record.mean, 255) if constants is None else by_channel(constants.mean),
        std=by_channel(record.std, 255) if constants is None else by_channel(constants.std),
    )


def require_images(recipe: Recipe, record: DatasetRecord) -> None:
    """Refuse a recipe that changes images where a dataset holds none, or other ones.

    Raises:
        SpecError: If it does.
    """
    if not record.mean and not (recipe.augmentation.is_none and recipe.resolution == 1.0):
        raise SpecError(
            f"recipe {recipe.label} flips, crops or resizes images, dataset {record.name} holds "
            "none; choose a recipe without"
        )
    constants = recipe.normalisation
    if constants is not None and len(constants.mean) != record.shape[0]:
        raise SpecError(
            f"recipe {recipe.label} has constants of {len(constants.mean)} channels, dataset "
            f"{record.name} has {record.shape[0]}; prepare the published dataset"
        )


def _resized(split: SplitTensors, resolution: float) -> SplitTensors:
    if resolution == 1.0:
        return split
    parts = [at_resolution(part, resolution) for part in torch.split(split.inputs, _SLICE)]
    return replace(split, inputs=torch.cat(parts))
