"""Losses and metrics by their formulas, and by scikit-learn where it has them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from nepsbench.datasets.protein import PAIR_BASE
from nepsbench.datasets.task import Task
from nepsbench.schema import METRICS_BY_NAME
from nepsbench.training.objective import loss_function, new_meter

RANDOM = torch.Generator().manual_seed(1)


def task(loss: Any = "cross_entropy", metric: Any = "acc") -> Task:
    return Task(loss, metric, outputs=1)


def measured(metric, batches, groups=None) -> float:
    meter = new_meter(task(metric=metric), groups=groups)
    for outputs, targets in batches:
        meter.add(outputs, targets)
    return meter.value()


def in_batches(outputs, targets, size=7):
    return zip(outputs.split(size), targets.split(size), strict=True)


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=RANDOM)


@pytest.mark.parametrize("metric", ["f1_error", "map_error", "auroc_error", "mae8", "rel_l2"])
def test_every_error_is_in_the_metric_dictionary_and_lower_is_better(metric):
    for split in ("train", "valid", "test"):
        entry = METRICS_BY_NAME[f"{split}_{metric}"]
        assert (entry.direction, entry.split, entry.reproducible) == ("min", split, True)


def test_labels_are_learned_by_the_mean_binary_cross_entropy():
    logits, labels = normal(5, 3), torch.randint(0, 2, (5, 3), generator=RANDOM).to(torch.uint8)
    chance = torch.sigmoid(logits)
    expected = -torch.where(labels == 1, chance.log(), (1 - chance).log()).mean()
    assert loss_function(task("binary_cross_entropy"))(logits, labels).item() == pytest.approx(
        expected.item(), rel=1e-5
    )


def test_ignored_places_teach_nothing_and_add_a_constant():
    logits = normal(2, 1, 4, 4).requires_grad_()
    targets = torch.zeros(2, 2, 4, 4, dtype=torch.uint8)
    targets[:, 0, 0] = 1
    targets[:, 1, :, 0] = 1
    loss = loss_function(task("masked_binary_cross_entropy"))(logits, targets)
    loss.backward()
    assert not logits.grad[:, 0, :, 0].any()
    assert logits.grad[:, 0, :, 1:].all()
    kept = torch.nn.functional.binary_cross_entropy_with_logits(
        logits[..., 1:], targets[:, :1, :, 1:].float()
    )
    assert loss.item() == pytest.approx((3 * kept.item() + math.log(2)) / 4, rel=1e-5)


def test_maps_are_compared_after_the_output_is_put_back():
    outputs, truth = normal(3, 1, 4, 4), normal(3, 4, 4)
    scale, offset = normal(3, 4, 4).exp(), normal(3, 4, 4)
    targets = torch.stack([truth, scale, offset], 1)
    error = outputs[:, 0] * scale + offset - truth
    expected = np.mean(
        [np.linalg.norm(e.ravel()) / np.linalg.norm(t.ravel()) for e, t in
         zip(error.numpy(), truth.numpy(), strict=True)]
    )  # fmt: skip
    assert loss_function(task("relative_l2"))(outputs, targets).item() == pytest.approx(expected)
    assert measured("rel_l2", in_batches(outputs, targets, 2)) == pytest.approx(expected)


def test_distances_are_learned_by_the_squared_error_of_the_first_channel():
    outputs, targets = normal(2, 1, 3, 3), normal(2, 2, 3, 3)
    expected = ((outputs[:, 0] - targets[:, 0]) ** 2).mean().item()
    assert loss_function(task("mse"))(outputs, targets).item() == pytest.approx(expected)


def test_f1_of_windows_is_scikit_learns_mean_over_all_classes():
    logits, labels = normal(40, 4), torch.randint(0, 3, (40,), generator=RANDOM)
    expected = f1_score(labels, logits.argmax(1), labels=range(4), average="macro", zero_division=0)
    assert measured("f1_error", in_batches(logits, labels)) == pytest.approx(1 - expected)


def test_a_patient_has_the_class_of_most_windows_and_of_equals_the_first():
    votes = torch.tensor([2, 0, 0, 3, 1, 1, 3, 2])
    groups = torch.tensor([5, 5, 5, 9, 9, 9, 9, 4])
    labels = torch.tensor([0, 0, 0, 3, 3, 3, 3, 1])
    logits = torch.nn.functional.one_hot(votes, 4).float()
    expected = 1 - f1_score([1, 0, 3], [2, 0, 3], labels=range(4), average="macro", zero_division=0)
    found = measured("f1_error", in_batches(logits, labels, 3), groups)
    assert found == pytest.approx(expected)


def test_logits_of_a_clip_are_averaged_and_labels_that_none_has_left_out():
    logits = normal(30, 5)
    groups = torch.arange(10).repeat_interleave(3)
    of_clip = torch.randint(0, 2, (10, 5), generator=RANDOM)
    of_clip[:, 2] = 0
    labels = of_clip[groups].to(torch.uint8)
    chosen = [0, 1, 3, 4]
    means = logits.reshape(10, 3, 5).mean(1)
    expected = average_precision_score(of_clip[:, chosen], means[:, chosen], average="macro")
    found = measured("map_error", in_batches(logits, labels), groups)
    assert found == pytest.approx(1 - expected)


def test_the_area_of_labels_is_scikit_learns_mean():
    logits, labels = normal(50, 3), torch.randint(0, 2, (50, 3), generator=RANDOM)
    expected = roc_auc_score(labels, logits, average="macro")
    assert measured("auroc_error", in_batches(logits, labels)) == pytest.approx(1 - expected)


def test_the_area_of_maps_is_scikit_learns_over_the_places_that_count():
    logits = normal(9, 1, 8, 8)
    targets = torch.randint(0, 2, (9, 2, 8, 8), generator=RANDOM).to(torch.uint8)
    kept = targets[:, 1] == 0
    expected = roc_auc_score(targets[:, 0][kept], logits[:, 0][kept].half())
    found = measured("auroc_error", in_batches(logits, targets, 2))
    assert found == pytest.approx(1 - expected, abs=1e-12)


def protein(length: int, side: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return outputs and targets of one protein, padded to ``side``."""
    distance = torch.full((side, side), 16.0)
    near = 4 + 8 * torch.rand(length, length, generator=RANDOM)
    distance[:length, :length] = (near + near.T) / 2
    pair = torch.full((side, side), -1.0)
    number = torch.arange(length)
    pair[:length, :length] = (PAIR_BASE * number[:, None] + number).float()
    return 8 + 3 * normal(side, side), torch.stack([distance, pair])


def mae8_by_loops(outputs: torch.Tensor, targets: torch.Tensor, length: int) -> float:
    errors = []
    for i in range(length):
        for j in range(i + 24, length):
            true = targets[0, i, j].item()
            if true <= 8:
                above, below = outputs[i, j].item(), outputs[j, i].item()
                upper, lower = max((above + below) / 2, 0.01), max(below, 0.01)
                errors.append(abs((upper + lower) / 2 - true))
    return sum(errors) / len(errors)


def test_mae8_is_the_mean_of_proteins_whatever_windows_they_are_cut_into():
    cut, groups, expected = [], [], []
    for number, length in enumerate((40, 60)):
        outputs, targets = protein(length, 64)
        expected.append(mae8_by_loops(outputs, targets, length))
        for row in (0, 32):
            for column in (0, 32):
                window = (slice(row, row + 32), slice(column, column + 32))
                cut.append((outputs[window][None], targets[(slice(None), *window)]))
                groups.append(number)
    outputs, targets = (torch.stack(parts) for parts in zip(*cut, strict=True))
    found = measured("mae8", in_batches(outputs, targets, 3), torch.tensor(groups))
    assert found == pytest.approx(np.mean(expected))


def test_without_groups_each_example_is_a_protein_and_a_lone_side_counts_alone():
    outputs, targets = protein(60, 64)
    top = (outputs[None, None, :32], targets[None, :, :32])
    expected = [
        abs(max(outputs[i, j].item(), 0.01) - targets[0, i, j].item())
        for i in range(32)
        for j in range(i + 24, 60)
        if targets[0, i, j] <= 8 and j >= 32
    ]
    both = [(i, j) for i in range(32) for j in range(i + 24, 32) if targets[0, i, j] <= 8]
    for i, j in both:
        above, below = outputs[i, j].item(), outputs[j, i].item()
        combined = (max((above + below) / 2, 0.01) + max(below, 0.01)) / 2
        expected.append(abs(combined - targets[0, i, j].item()))
    assert measured("mae8", [top]) == pytest.approx(np.mean(expected))


@pytest.mark.parametrize(
    ("metric", "outputs", "targets"),
    [
        ("map_error", torch.zeros(3, 2), torch.zeros(3, 2, dtype=torch.uint8)),
        ("auroc_error", torch.zeros(3, 2), torch.ones(3, 2, dtype=torch.uint8)),
        ("auroc_error", torch.zeros(1, 1, 2, 2), torch.zeros(1, 2, 2, 2, dtype=torch.uint8)),
        ("mae8", torch.zeros(1, 1, 4, 4), torch.full((1, 2, 4, 4), -1.0)),
    ],
)
def test_a_metric_that_is_not_defined_is_no_number(metric, outputs, targets):
    assert math.isnan(measured(metric, [(outputs, targets)]))
