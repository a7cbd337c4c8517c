"""What a recipe makes of a dataset: its constants, its cutout, validation images that change."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from nepsbench.datasets.opening import open_dataset
from nepsbench.spaces import get_space
from nepsbench.training.loop import initial_state, train_epochs
from nepsbench.training.randomness import global_generator
from nepsbench.training.recipe import get_recipe
from nepsbench.training.recipe_terms import Augmentation, Normalisation
from nepsbench.training.trial_data import TrialData, prepare_trial_data

HPO = {"learning_rate": 0.1, "batch_size": 512}


@pytest.fixture
def digits(datasets_root):
    return open_dataset("digits", datasets_root)


def prepared(digits, recipe="nashpobench2", configuration=HPO, **changes):
    settings = get_recipe(recipe).settings(configuration, "digits")
    own = settings.recipe.model_copy(update=changes)
    return prepare_trial_data(digits, replace(settings, recipe=own))


def images(batches):
    return torch.cat([inputs for inputs, _ in batches])


def test_validation_images_are_augmented_by_seed_and_epoch_where_the_recipe_says_so(digits):
    data = prepared(digits)
    first = images(data.validation_batches(seed=1, epoch=1))
    assert torch.equal(images(data.validation_batches(seed=1, epoch=1)), first)
    for seed, epoch in ((1, 2), (2, 1)):
        assert not torch.equal(images(data.validation_batches(seed=seed, epoch=epoch)), first)
    assert not torch.equal(images(data.evaluation_batches(data.valid)), first)
    labels = torch.cat([targets for _, targets in data.validation_batches(seed=1, epoch=1)])
    assert torch.equal(labels, digits.valid.targets)


def test_validation_images_stay_as_they_are_otherwise(digits):
    data = prepared(digits, recipe="nasbench201", configuration={})
    plain = images(data.evaluation_batches(data.valid))
    assert torch.equal(images(data.validation_batches(seed=1, epoch=1)), plain)


def test_a_recipes_constants_take_the_place_of_the_datasets(digits):
    constants = Normalisation(mean=(100.0,), std=(50.0,))
    data = prepared(digits, normalisation=constants)
    expected = (digits.test.inputs.float() - 100) / 50
    torch.testing.assert_close(images(data.evaluation_batches(data.test)), expected)


def test_cutout_leaves_a_square_of_the_mean_in_training_images_alone(digits):
    data = prepared(
        digits, recipe="nasbench360", configuration={}, augmentation=Augmentation(cutout=8)
    )
    cut = images(data.training_batches(seed=1, epoch=1))
    share = cut.eq(0).float().mean()
    assert 0.3 < share < 0.9  # a square as large as the image, anywhere in it
    assert not images(data.evaluation_batches(data.test)).eq(0).any()


def test_draws_of_the_network_follow_from_seed_and_epoch_and_leave_no_trace():
    torch.manual_seed(4)
    expected = torch.rand(3)
    torch.manual_seed(4)
    drawn = []
    for seed, epoch in ((1, 1), (1, 1), (1, 2)):
        with global_generator(seed, "network", epoch):
            drawn.append(torch.rand(3))
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_a_search_is_evaluated_on_mixed_examples_each_with_its_own_target_and_group(digits):
    data = prepared(digits)
    order = data.valid.targets.argsort(stable=True)  # by class, as files may be
    valid = replace(
        data.valid,
        inputs=data.valid.inputs[order],
        targets=data.valid.targets[order],
        groups=torch.arange(len(order)),
    )
    data = replace(data, valid=valid)
    mixed, again, other = data.mixed(1), data.mixed(1), data.mixed(2)
    assert torch.equal(mixed.valid.groups, again.valid.groups)
    assert not torch.equal(mixed.valid.groups, other.valid.groups)
    place = mixed.valid.groups
    assert torch.equal(place.sort().values, torch.arange(len(order)))
    assert torch.equal(mixed.valid.inputs, valid.inputs[place])
    assert torch.equal(mixed.valid.targets, valid.targets[place])
    assert torch.equal(mixed.train.inputs, data.train.inputs)
    first = mixed.valid.targets[:64]
    assert len(first.unique()) > 5


def test_the_loop_mixes_what_a_search_is_evaluated_on(digits, monkeypatch):
    space = get_space("oneshot_nasbench201")
    configuration = {**space.defaults, "Method": "random_sharing", "Width": 4, "Depth": 1}
    settings = get_recipe("oneshot_nasbench201-2").settings(configuration, "digits")
    few = {
        name: replace(split, inputs=split.inputs[:64], targets=split.targets[:64])
        for name, split in (("train", digits.train), ("valid", digits.valid), ("test", digits.test))
    }
    data = prepare_trial_data(replace(digits, **few), settings)
    state = initial_state(space.name, configuration, data.problem, settings=settings, seed=4)
    asked = []
    monkeypatch.setattr(TrialData, "mixed", lambda self, seed: asked.append(seed) or self)
    next(train_epochs(state, data, settings=settings, seed=4, until=1))
    assert asked == [4]
