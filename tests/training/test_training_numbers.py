"""What recipes do to inputs that are no images: skies are added, stripes of spectrograms masked."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from nepsbench.datasets.opening import Dataset, SplitTensors
from nepsbench.datasets.record import DatasetRecord
from nepsbench.datasets.task import Task
from nepsbench.errors import SpecError
from nepsbench.training import trial_data
from nepsbench.training.masking import mask, random_masks
from nepsbench.training.recipe import get_recipe
from nepsbench.training.recipe_terms import Masks
from nepsbench.training.trial_data import prepare_trial_data

MASKS = Masks(share=0.5, most=2, bands=0.15, times=0.2)
SIZE = 40


def numbers(name: str, shape: tuple[int, ...], *, sky: bool = False) -> Dataset:
    """A dataset called ``name`` of random numbers."""
    random = torch.Generator().manual_seed(5)

    def split() -> SplitTensors:
        skies = torch.rand(SIZE, generator=random) + 1 if sky else None
        inputs = torch.randn((SIZE, *shape), generator=random)
        return SplitTensors(inputs, torch.arange(SIZE), backgrounds=skies)

    record = DatasetRecord(
        name, "1-0", shape, Task("cross_entropy", "acc", outputs=SIZE), (), (),
        {}, {"train_backgrounds.npy": ""} if sky else {}, "numbers",
    )  # fmt: skip
    return Dataset(record, split(), split(), split())


def prepared(dataset: Dataset, recipe: str = "nasbench360"):
    return prepare_trial_data(dataset, get_recipe(recipe).settings({}, dataset.record.name))


def read(batches) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs and targets, in the order of the targets, which are all different."""
    inputs, targets = (torch.cat(parts) for parts in zip(*batches, strict=True))
    order = targets.argsort()
    return inputs[order], targets[order]


def test_skies_are_added_to_training_and_validation_in_each_epoch_anew():
    dataset = numbers("cosmic", (1, 6, 6), sky=True)
    data = prepared(dataset)
    for split, batches in (
        (dataset.train, data.training_batches),
        (dataset.valid, data.validation_batches),
    ):
        first, again, later = (read(batches(seed=1, epoch=n))[0] for n in (1, 1, 2))
        assert torch.equal(first, again)
        added = (first - split.inputs) / split.backgrounds.reshape(-1, 1, 1, 1)
        shares = added.flatten(1)
        torch.testing.assert_close(shares, shares[:, :1].expand_as(shares), atol=1e-5, rtol=0)
        assert shares.min() >= -0.9001
        assert shares.max() <= 3.0001
        assert shares[:, 0].std() > 0.5
        assert not torch.equal(first, later)
    plain = torch.cat([inputs for inputs, _ in data.evaluation_batches(data.test)])
    assert torch.equal(plain, dataset.test.inputs)


def test_a_search_keeps_each_sky_with_its_image():
    data = prepared(numbers("cosmic", (1, 6, 6), sky=True))
    mixed = data.mixed(3)
    place = mixed.valid.targets
    assert not torch.equal(place, data.valid.targets)
    assert torch.equal(mixed.valid.backgrounds, data.valid.backgrounds[place])


def test_training_spectrograms_are_masked_and_no_others():
    dataset = numbers("fsd50k", (1, 20, 30))
    data = prepared(dataset)
    changed, _ = read(data.training_batches(seed=1, epoch=1))
    lowest = dataset.train.inputs.amin((1, 2, 3), keepdim=True)
    differ = changed != dataset.train.inputs
    assert torch.equal(changed[differ], lowest.expand_as(changed)[differ])
    assert 0.2 < differ.flatten(1).any(1).float().mean() < 0.8
    valid, _ = read(data.validation_batches(seed=1, epoch=1))
    assert torch.equal(valid, dataset.valid.inputs)


@pytest.mark.parametrize("recipe", ["cosmic", "fsd50k"])
def test_inputs_are_changed_alike_however_many_are_changed_together(recipe, monkeypatch):
    data = prepared(numbers(recipe, (1, 20, 30), sky=recipe == "cosmic"))
    together, _ = read(data.training_batches(seed=2, epoch=3))
    monkeypatch.setattr(trial_data, "_AUGMENTED_TOGETHER", 1)
    assert torch.equal(read(data.training_batches(seed=2, epoch=3))[0], together)


def test_stripes_are_as_wide_and_as_many_as_published():
    stripes = random_masks(4000, (1, 96, 101), MASKS, generator=torch.Generator().manual_seed(1))
    assert stripes.shape == (2, 4, 4000)
    for begins, widths, size, most in (
        (stripes[:, 0], stripes[:, 1], 96, 14),
        (stripes[:, 2], stripes[:, 3], 101, 20),
    ):
        assert begins.min() == 0
        assert (begins + widths).max() <= size
        assert (widths.min(), widths.max()) == (0, most)
    first, second = (stripes[n, 1::2].any(0).float().mean() for n in range(2))
    assert first == pytest.approx(0.5, abs=0.03)
    assert second == pytest.approx(0.25, abs=0.03)


def test_a_mask_covers_its_stripes_and_nothing_else():
    inputs = torch.arange(24.0).reshape(1, 1, 4, 6) + 1
    stripes = torch.tensor([[1, 1, 4, 2], [0, 0, 0, 0]]).reshape(2, 4, 1)
    expected = inputs.clone()
    expected[0, 0, 1] = 1
    expected[0, 0, :, 4:] = 1
    assert torch.equal(mask(inputs, stripes), expected)


def test_inputs_that_cannot_be_changed_so_are_refused():
    with pytest.raises(SpecError, match="adds backgrounds, dataset cosmic holds none"):
        prepared(numbers("cosmic", (1, 6, 6)))
    with pytest.raises(SpecError, match="masks spectrograms, dataset fsd50k holds none"):
        prepared(numbers("fsd50k", (4, 50)))
    images = numbers("fsd50k", (1, 20, 30))
    record = replace(images.record, mean=(0.5,), std=(0.5,), kind="pixels")
    with pytest.raises(SpecError, match="masks spectrograms"):
        prepared(replace(images, record=record))
