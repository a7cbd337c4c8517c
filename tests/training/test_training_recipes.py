"""Recipes as data: every file is read, its horizons, variants and datasets, and what fits what."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
import torch

from nepsbench.datasets import dataset_names
from nepsbench.errors import SpecError
from nepsbench.spaces import get_space, space_names
from nepsbench.spaces.networks import Problem, build_network
from nepsbench.training.fit import fitting_recipe, own_recipe
from nepsbench.training.initialisation import make_ready
from nepsbench.training.optimizers import new_optimizer
from nepsbench.training.recipe import get_recipe, recipe_files, recipe_names

PAGE = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text()
TUNED = {"LearningRate": 0.02, "WeightDecay": 1e-3, "Momentum": 0.0, "Dropout": 0.3}


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_is_read_and_bears_the_name_it_is_asked_for_by(name):
    recipe = get_recipe(name)
    assert recipe.name == name
    assert recipe.label == f"{name}/{recipe.version}"
    assert recipe.horizon in recipe.horizons


def test_the_longest_horizon_goes_without_saying():
    assert get_recipe("nasbench101").horizon == 108
    assert get_recipe("nasbench101-36").horizon == 36
    assert get_recipe("nasbench101-108") == get_recipe("nasbench101")
    for name in ("nasbench101-5", "nasbench101-", "other"):
        with pytest.raises(SpecError, match=f"unknown recipe '{name}'; there are: amber, "):
            get_recipe(name)


def test_a_variant_differs_in_what_it_says_alone():
    clipped, free = get_recipe("nasbench_pytorch-sgd"), get_recipe("nasbench_pytorch-sgd_unclipped")
    assert (clipped.clip_norm, free.clip_norm) == (5.0, None)
    names = {"name": "x", "clip_norm": None}
    assert clipped.model_copy(update=names) == free.model_copy(update=names)


def test_a_recipe_is_another_on_another_dataset():
    recipe = get_recipe("nasbench360")
    assert recipe.on("ecg").batch_size == 256
    assert recipe.on("cifar100").augmentation.cutout == 16
    assert recipe.on("digits") is recipe
    darcy = recipe.settings({}, "darcy_flow")
    # Published for the sum over a batch, of which ours is the mean.
    assert (darcy.batch_size, darcy.learning_rate, darcy.weight_decay) == (8, 0.008, 6.25e-5)
    with pytest.raises(SpecError, match="recipe nasbench360_precompute is not for dataset digits"):
        get_recipe("nasbench360_precompute").on("digits")


def test_datasets_of_recipes_are_datasets_that_there_are():
    named = {dataset for name in recipe_files() for dataset in get_recipe(name).datasets}
    assert named <= set(dataset_names())


def test_a_value_of_the_configuration_reaches_the_optimiser():
    settings = get_recipe("nasbench360_backbone").settings(TUNED, "digits")
    network = torch.nn.Linear(2, 2)
    (group,) = new_optimizer(network, settings).param_groups
    assert (group["lr"], group["weight_decay"], group["momentum"]) == (0.02, 1e-3, 0.0)
    assert group["nesterov"] is False  # there is none without momentum
    (group,) = new_optimizer(
        network, get_recipe("nasbench360_backbone").settings({**TUNED, "Momentum": 0.3}, "digits")
    ).param_groups
    assert (group["momentum"], group["nesterov"]) == (0.3, True)


def test_the_rate_falls_with_every_step_where_the_recipe_says_so():
    settings = get_recipe("nasbench101-4").settings({})
    assert settings.rate(1) == 0.0  # the first step is idle
    assert settings.rate(1, 1 / 156) == pytest.approx(0.2, rel=1e-4)
    assert settings.rate(3) == pytest.approx(0.1)
    assert settings.rate(4, 155 / 156) == pytest.approx(0.0, abs=1e-5)
    by_epoch = get_recipe("nasbench201-12").settings({})
    assert by_epoch.rate(7, 0.9) == by_epoch.rate(7) == pytest.approx(0.05)


def test_the_backbones_rate_drops_after_60_120_and_160_epochs():
    settings = get_recipe("nasbench360").settings({})
    rates = [settings.rate(epoch) for epoch in (60, 61, 120, 121, 160, 161)]
    assert rates == pytest.approx([0.1, 0.02, 0.02, 0.004, 0.004, 0.0008])


def test_gradients_are_clipped_together_before_the_step():
    weights = torch.nn.Linear(1, 2, bias=False)
    torch.nn.init.zeros_(weights.weight)
    settings = get_recipe("nasbench_pytorch-sgd").settings({})
    optimizer = new_optimizer(weights, settings)
    weights.weight.grad = torch.tensor([[30.0], [40.0]])
    optimizer.step()
    assert weights.weight.flatten().tolist() == pytest.approx([-0.025 * 3, -0.025 * 4])


def test_batch_norm_and_weights_are_made_as_the_recipe_says():
    configuration = get_space("nasbench101").defaults
    torch.manual_seed(1)
    network = build_network("nasbench101", configuration, Problem((3, 8, 8), 10))
    make_ready(network, get_recipe("nasbench101"))
    convolution, norm = network[1].operations[0][0], network[1].operations[0][1]
    fan_in = convolution.weight[0].numel()
    assert convolution.weight.std().item() == pytest.approx(math.sqrt(1 / fan_in), rel=0.02)
    assert convolution.weight.abs().max() <= 2 * math.sqrt(1 / fan_in) / 0.8796 + 1e-6
    assert (norm.momentum, norm.eps) == (0.003, 1e-5)
    assert not network[-1].bias.any()
    make_ready(network, get_recipe("nasbench_pytorch"))
    fan_out = convolution.weight[:, 0].numel()
    assert convolution.weight.std().item() == pytest.approx(math.sqrt(2 / fan_out), rel=0.02)
    assert norm.momentum == 0.1


@pytest.mark.parametrize("name", [name for name in space_names() if not name.startswith("nds")])
def test_every_space_but_ndss_is_trained_by_the_recipe_of_its_name(name):
    space = get_space(name)
    assert own_recipe(space) == name
    assert fitting_recipe(name, space, "digits").name == name


@pytest.mark.parametrize(
    ("recipe", "space", "message"),
    [
        ("nepsbench101", "nasbench201", "takes LearningRate, Optimizer, Resolution, .* from the "),
        ("nasbench201", "nepsbench101", "takes no notice of LearningRate, Optimizer, Resolution"),
        ("nasbench201", "nasbench360_backbone", "takes no notice of LearningRate, Momentum, Weig"),
        (
            "nasbench360_precompute",
            "nasbench201",
            "is not for dataset digits; it is for: ninapro_db5",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(recipe, space, message):
    with pytest.raises(SpecError, match=message) as caught:
        fitting_recipe(recipe, get_space(space), "digits")
    assert "\n" not in str(caught.value)


def test_a_space_without_a_recipe_of_its_own_asks_for_one():
    with pytest.raises(SpecError, match="space nds_vanilla has no recipe of its own; name one of"):
        own_recipe(get_space("nds_vanilla"))


def test_the_backbones_own_space_may_be_trained_untuned():
    assert fitting_recipe("nasbench360", get_space("nasbench360_backbone"), "digits")


@pytest.mark.parametrize("name", recipe_files())
def test_every_file_is_on_the_page_with_its_horizons_and_its_source(name):
    (row,) = re.findall(rf"^\| `{name}` \|.*$", PAGE, flags=re.MULTILINE)
    recipe = get_recipe(name)
    assert f"| {', '.join(map(str, sorted(recipe.horizons)))} |" in row
    assert re.search(rf"^## {name}$", PAGE, flags=re.MULTILINE)
    for variant in (n for n in recipe_names() if n.startswith(f"{name}-") and n[-1].isalpha()):
        assert f"`{variant}`" in PAGE
