"""A space, a recipe and a prepared dataset: what cannot be trained is told before it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nepsbench.datasets.opening import open_dataset
from nepsbench.errors import SpecError
from nepsbench.spaces import get_space
from nepsbench.training.readiness import check_ready


@pytest.fixture
def digits(datasets_root):
    return open_dataset("digits", datasets_root).record


@pytest.fixture
def sequences(digits):
    """Inputs that are no pixels, of four channels and fifty places."""
    return replace(digits, name="ecg", shape=(4, 50), mean=(), std=())


@pytest.mark.parametrize(
    ("space", "recipe"),
    [("nepsbench101", "nepsbench101"), ("nasbench101", "nasbench_pytorch-sgd")],
)
def test_images_go_with_recipes_that_change_images(space, recipe, digits):
    check_ready(get_space(space), recipe, digits)


def test_sequences_go_with_a_network_and_a_recipe_for_them(sequences):
    check_ready(get_space("nasbench360_backbone"), "nasbench360_backbone", sequences)


@pytest.mark.parametrize(
    ("space", "recipe", "message"),
    [
        ("nasbench101", "nasbench101", "flips, crops or resizes images, dataset ecg holds none"),
        ("nasbench101", "nasbench360", r"the dataset's inputs have the shape \(4, 50\)"),
        ("nepsbench101", "nasbench201", "takes no notice of LearningRate"),
    ],
)
def test_what_cannot_be_trained_is_refused_in_one_line(space, recipe, message, sequences):
    with pytest.raises(SpecError, match=message) as caught:
        check_ready(get_space(space), recipe, sequences)
    assert "\n" not in str(caught.value)


def test_constants_of_other_channels_are_refused(digits):
    with pytest.raises(SpecError, match="has constants of 3 channels, dataset cifar10 has 1"):
        check_ready(get_space("nasbench201"), "nasbench201", replace(digits, name="cifar10"))
