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
from nepsbench.training.augmentation import at_resolution, crop_and_flip
from nepsbench.training.crops import Crops
from nepsbench.training.cutout import cut_out
from nepsbench.training.draws import Draws, draw
from nepsbench.training.masking import mask
from nepsbench.training.ordering import inverse
from nepsbench.training.placement import chosen_device, layout_of
from nepsbench.training.randomness import generator
from nepsbench.training.recipe import Recipe, Settings
from nepsbench.training.trivial_augment import trivial_augmented

Batch = tuple[Tensor, Tensor]

#: Resizing in slices bounds the memory that float copies take.
_SLICE = 4096
#: So many bytes of images are augmented together, if they are several batches: each step of it has
#: a price of its own.
_AUGMENTED_TOGETHER = 1 << 25


@dataclass(frozen=True)
class TrialData:
    """The splits for one trial; valid and test are resized once, training images in each epoch.

    Attributes:
        task: What is learned.
        settings: Batch size, resolution and augmentation.
        train: As the dataset has it.
        valid: At the trial's resolution; as the dataset has it if it is augmented.
        test: At the trial's resolution.
        mean: Of pixels 0..255, in the shape of an input, or of one place where that is as fast;
            None for inputs that are not normalised.
        std: Likewise.
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

    def mixed(self, seed: int) -> TrialData:
        """Return the same with valid and test in a random order, always the same one of a seed.

        What normalises by a batch's own statistics must not meet batches of one class, as stored
        order has them.
        """

        def shuffled(name: str, split: SplitTensors) -> SplitTensors:
            order = torch.randperm(len(split), generator=generator(seed, f"order of {name}"))
            return split.take(order.to(split.inputs.device))

        valid, test = shuffled("valid", self.valid), shuffled("test", self.test)
        return replace(self, valid=valid, test=test)

    def evaluation_batches(self, split: SplitTensors) -> Iterator[Batch]:
        """Yield the split's normalised batches in stored order."""
        for start in range(0, len(split), self.settings.batch_size):
            now = slice(start, start + self.settings.batch_size)
            yield self._normalised(split.inputs[now]), split.targets[now]

    def _augmented(
        self, split: SplitTensors, order: Tensor, random: torch.Generator
    ) -> Iterator[Batch]:
        """Yield batches in ``order``, each pass with the draws of ``random``."""
        augmentation, batch_size = self.settings.recipe.augmentation, self.settings.batch_size
        draws = draw(
            order,
            padding=self._padding,
            flip=augmentation.flip,
            cutout=self.problem.shape if self._cutout else None,
            trivial_augment=self.settings.trivial_augment,
            background=augmentation.background,
            masks=(augmentation.masks, split.inputs.shape[1:]) if augmentation.masks else None,
            generator=random,
        )
        together = max(1, _AUGMENTED_TOGETHER // (batch_size * split.inputs[0].numel()))
        for begin in range(0, len(order), together * batch_size):
            part = draws.take(slice(begin, begin + together * batch_size))
            now = part.to(split.inputs.device)
            inputs, targets = self._changed(split, now), split.targets[now.order]
            for start in range(0, len(now.order), batch_size):
                batch = slice(start, start + batch_size)
                images = self._normalised(inputs[batch])
                if now.centres is not None:
                    cut_out(images, centres=now.centres[:, batch], side=self._cutout)
                yield images, targets[batch]

    def _changed(self, split: SplitTensors, draws: Draws) -> Tensor:
        """Return the inputs that ``draws`` name, augmented as they say."""
        images, which = split.inputs, draws.order
        if draws.operations is not None:
            order = draws.operations[0].argsort(stable=True)
            chosen, levels, signs = draws.operations.index_select(1, order)
            which = which.index_select(0, order)
            images = trivial_augmented(images, which, chosen, levels=levels, signs=signs)
            which = inverse(order)
        if self._padding or self.settings.recipe.augmentation.flip:
            crops = Crops(which, draws.offsets, draws.flips, self._padding)
            return crop_and_flip(images, crops, resolution=self.settings.resolution)
        images = images.index_select(0, which)
        if draws.backgrounds is not None and split.backgrounds is not None:
            added = draws.backgrounds * split.backgrounds[draws.order]
            images += added.reshape(-1, *(1 for _ in images.shape[1:]))
        if draws.masks is not None:
            images = mask(images, draws.masks)
        return at_resolution(images, self.settings.resolution)

    @property
    def _padding(self) -> int:
        return int(self.settings.recipe.augmentation.crop_padding * self.settings.resolution)

    @property
    def _cutout(self) -> int:
        return int(self.settings.recipe.augmentation.cutout * self.settings.resolution)

    def _normalised(self, inputs: Tensor) -> Tensor:
        """Return what the network sees; images in the layout that convolutions are fast in."""
        if self.mean is None or self.std is None:
            inputs = inputs.float()
        else:
            inputs = (inputs - self.mean).div_(self.std)
        return inputs.contiguous(memory_format=layout_of(inputs))


def prepare_trial_data(dataset: Dataset, settings: Settings) -> TrialData:
    """Return ``dataset`` at the trial's resolution, with its augmentation.

    Raises:
        SpecError: If the recipe changes inputs as the dataset's cannot be changed.
    """
    record, device = dataset.record, chosen_device()
    require_inputs(settings.recipe, record)

    recipe = settings.recipe
    constants = recipe.normalisation
    valid = _moved(dataset.valid, device)
    test = _resized(_moved(dataset.test, device), settings.resolution)

    def by_channel(values: tuple[float, ...], scale: int = 1) -> Tensor | None:
        if not values:
            return None
        shape = (1, -1, *(1 for _ in record.shape[1:]))
        constant = torch.tensor(values, device=device).mul_(scale).reshape(shape)
        if settings.resolution == 1.0:
            return constant
        # What was resized has its channels last, where the constants of one place are few.
        whole = constant.expand(1, *test.inputs.shape[1:])
        return whole.contiguous(memory_format=layout_of(whole))

    return TrialData(
        task=dataset.task,
        settings=settings,
        train=_moved(dataset.train, device),
        valid=valid if recipe.augmentation.valid else _resized(valid, settings.resolution),
        test=test,
        mean=by_channel(record.mean, 255) if constants is None else by_channel(constants.mean),
        std=by_channel(record.std, 255) if constants is None else by_channel(constants.std),
    )


def _moved(split: SplitTensors, device: torch.device) -> SplitTensors:
    """Return the split with its tensors, but for groups, on the device; itself if it is there."""
    if split.inputs.device == device:
        return split
    return replace(
        split,
        inputs=split.inputs.to(device),
        targets=split.targets.to(device),
        backgrounds=None if split.backgrounds is None else split.backgrounds.to(device),
    )


def require_inputs(recipe: Recipe, record: DatasetRecord) -> None:
    """Refuse a recipe that changes inputs as those of a dataset cannot be changed.

    Raises:
        SpecError: If it does.
    """
    if not record.mean and (recipe.augmentation.needs_images or recipe.resolution != 1.0):
        raise SpecError(
            f"recipe {recipe.label} flips, crops or resizes images, dataset {record.name} holds "
            "none; choose a recipe without"
        )
    if recipe.augmentation.background and "train_backgrounds.npy" not in record.files:
        raise SpecError(
            f"recipe {recipe.label} adds backgrounds, dataset {record.name} holds none; choose a "
            "recipe without, or remove the dataset's folder and prepare it again"
        )
    if recipe.augmentation.masks and (record.mean or len(record.shape) != 3):
        raise SpecError(
            f"recipe {recipe.label} masks spectrograms, dataset {record.name} holds none; choose "
            "a recipe without"
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
