"""Boosted trees as a network: losses, shapes, states, and rounds that only add."""

from __future__ import annotations

import builtins

import pytest
import torch
import torch.nn.functional as F

from nepsbench.errors import SpecError
from nepsbench.spaces import get_space
from nepsbench.spaces.networks import Problem, build_network, count_params
from nepsbench.spaces.networks.xgboost import BoostedTrees

SPACE = get_space("xgboost")
IMAGES = Problem((1, 4, 4), 3)


def trees(problem: Problem, **changes: object) -> BoostedTrees:
    found = build_network(SPACE.name, {**SPACE.defaults, **changes}, problem)
    assert isinstance(found, BoostedTrees)
    return found


def examples(problem: Problem, count: int = 80) -> torch.Tensor:
    return torch.randn(count, *problem.shape, generator=torch.Generator().manual_seed(1))


def fitted(model: BoostedTrees, inputs: torch.Tensor, targets: torch.Tensor, loss: str) -> None:
    for seed in range(3):
        model.fit_epoch(inputs, targets, loss=loss, seed=seed)


def test_classes_are_learnt_from_where_they_are_told() -> None:
    model, inputs = trees(IMAGES, Eta=0.5), examples(IMAGES)
    classes = (inputs[:, 0, 1, 2] > 0).long() + (inputs[:, 0, 3, 3] > 0).long()
    assert torch.equal(model(inputs), torch.zeros(80, 3))
    before = F.cross_entropy(model(inputs), classes)
    fitted(model, inputs, classes, "cross_entropy")
    assert F.cross_entropy(model(inputs), classes) < 0.5 * before
    assert count_params(model) == 0


def test_labels_are_logits_of_their_own() -> None:
    problem = Problem((2, 12), 4)
    model, inputs = trees(problem), examples(problem)
    labels = (inputs[:, 0, :4] > 0).to(torch.uint8)
    fitted(model, inputs, labels, "binary_cross_entropy")
    assert ((model(inputs) > 0) == (labels > 0)).float().mean() > 0.97


def test_maps_are_numbers_of_each_place() -> None:
    problem = Problem((2, 5, 4), 1, dense=True)
    model, inputs = trees(problem, Subsample=1.0), examples(problem)
    truth = 3 * (inputs[:, :1] > 0).float() + 1
    targets = torch.cat([truth, torch.full_like(truth, 2), torch.full_like(truth, 1)], dim=1)
    fitted(model, inputs, targets, "relative_l2")
    outputs = model(inputs)
    assert outputs.shape == (80, 1, 5, 4)
    assert F.mse_loss(outputs * 2 + 1, truth) < 0.05
    masks = trees(problem, Subsample=1.0)
    fitted(masks, inputs, (inputs > 0).to(torch.uint8), "masked_binary_cross_entropy")
    assert ((masks(inputs) > 0) == (inputs[:, :1] > 0)).float().mean() > 0.95


def test_a_state_gives_the_same_answers_and_goes_on_to_the_same_trees() -> None:
    inputs = examples(IMAGES)
    classes = (inputs[:, 0, 1, 2] > 0).long()
    one, other = trees(IMAGES, Subsample=0.5), trees(IMAGES, Subsample=0.5)
    other.load_state_dict(one.state_dict())
    assert torch.equal(other(inputs), one(inputs))
    fitted(one, inputs, classes, "cross_entropy")
    other.load_state_dict(one.state_dict())
    assert torch.equal(other(inputs), one(inputs))
    for model in (one, other):
        model.fit_epoch(inputs, classes, loss="cross_entropy", seed=9)
    assert torch.equal(other(inputs), one(inputs))
    third = trees(IMAGES, Subsample=0.5)
    fitted(third, inputs, classes, "cross_entropy")
    third.fit_epoch(inputs, classes, loss="cross_entropy", seed=10)
    assert not torch.equal(third(inputs), one(inputs))


def test_without_the_library_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs, real = examples(IMAGES), builtins.__import__

    def without(name: str, *others: object, **more: object) -> object:
        if name == "xgboost":
            raise ImportError(name)
        return real(name, *others, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(SpecError, match="pip install xgboost-cpu"):
        trees(IMAGES).fit_epoch(inputs, torch.zeros(80), loss="cross_entropy", seed=0)
