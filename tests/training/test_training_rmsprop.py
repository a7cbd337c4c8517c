"""TensorFlow's RMSProp against its published rule in float64."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from nepsbench.training.rmsprop_tf import RMSPropTF

OPTIONS = {"lr": 0.2, "decay": 0.9, "momentum": 0.9, "eps": 1.0, "weight_decay": 1e-4}


def published(weights, gradients, *, rates, decay=0.9, momentum=0.9, eps=1.0, l2=1e-4):
    """Apply TensorFlow's rule step by step in float64; return the weights after each step."""
    weights = weights.astype(np.float64)
    mean_square, step = np.ones_like(weights), np.zeros_like(weights)
    history = []
    for gradient, rate in zip(gradients, rates, strict=True):
        total = gradient.astype(np.float64) + l2 * weights
        mean_square += (total * total - mean_square) * (1 - decay)
        step = momentum * step + rate * total / np.sqrt(mean_square + eps)
        weights = weights - step
        history.append(weights)
    return history


@pytest.fixture
def problem():
    random = np.random.default_rng(5)
    gradients = random.normal(size=(50, 4, 3)) * 10.0 ** random.integers(-3, 3, size=(50, 1, 1))
    return random.normal(size=(4, 3)).astype(np.float32), gradients.astype(np.float32)


def stepped(weights, gradients, rates, *, dtype):
    parameter = torch.nn.Parameter(torch.tensor(weights, dtype=dtype))
    optimizer = RMSPropTF([parameter], **OPTIONS)
    for gradient, rate in zip(gradients, rates, strict=True):
        optimizer.param_groups[0]["lr"] = rate
        parameter.grad = torch.tensor(gradient, dtype=dtype)
        optimizer.step()
        yield parameter, optimizer


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_fifty_steps_are_those_of_the_published_rule(problem, dtype, tolerance):
    weights, gradients = problem
    rates = 0.1 * (1 + np.cos(np.pi * np.arange(50) / 50))
    expected = published(weights, gradients, rates=rates)
    steps = stepped(weights, gradients, rates, dtype=dtype)
    for (parameter, _), right in zip(steps, expected, strict=True):
        found = parameter.detach().double().numpy()
        np.testing.assert_allclose(found, right, rtol=tolerance, atol=tolerance * 10)


def test_pytorchs_own_rmsprop_is_another(problem):
    weights, gradients = problem
    parameter = torch.nn.Parameter(torch.tensor(weights, dtype=torch.float64))
    theirs = torch.optim.RMSprop(
        [parameter], lr=0.2, alpha=0.9, momentum=0.9, eps=1.0, weight_decay=1e-4
    )
    parameter.grad = torch.tensor(gradients[0], dtype=torch.float64)
    theirs.step()
    (right,) = published(weights, gradients[:1], rates=[0.2])
    assert np.abs(parameter.detach().numpy() - right).max() > 1e-3


def test_a_restored_state_goes_on_to_the_bit(problem):
    weights, gradients = problem
    rates = [0.2] * 50
    whole = [p.detach().clone() for p, _ in stepped(weights, gradients, rates, dtype=torch.float32)]
    *_, (parameter, optimizer) = stepped(weights, gradients[:20], rates[:20], dtype=torch.float32)
    saved = copy.deepcopy(optimizer.state_dict())
    resumed = torch.nn.Parameter(parameter.detach().clone())
    again = RMSPropTF([resumed], **OPTIONS)
    again.load_state_dict(saved)
    for gradient in gradients[20:]:
        resumed.grad = torch.tensor(gradient)
        again.step()
    assert torch.equal(resumed.detach(), whole[-1])


def test_weights_without_a_gradient_stay():
    still, moved = torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(2))
    optimizer = RMSPropTF([still, moved], **OPTIONS)
    moved.grad = torch.ones(2)
    optimizer.step()
    assert still.tolist() == [1.0, 1.0]
    assert moved[0] < 1.0
    RMSPropTF([still], **OPTIONS).step()
