"""Where networks and data lie."""

from __future__ import annotations

import pytest
import torch
from training_jobs import DEFAULTS

from nepsbench.datasets.opening import open_dataset
from nepsbench.errors import SpecError
from nepsbench.spaces.networks import Problem, build_network
from nepsbench.training.placement import chosen_device, place
from nepsbench.training.recipe import get_recipe
from nepsbench.training.trial_data import prepare_trial_data


def test_the_device_is_the_cpu_unless_the_environment_names_another(monkeypatch):
    monkeypatch.delenv("NEPSBENCH_DEVICE", raising=False)
    assert chosen_device() == torch.device("cpu")
    monkeypatch.setenv("NEPSBENCH_DEVICE", "meta")
    assert chosen_device() == torch.device("meta")


@pytest.mark.parametrize("name", ["cuda:77", "abacus"])
def test_a_device_that_is_not_there_is_refused(monkeypatch, name):
    monkeypatch.setenv("NEPSBENCH_DEVICE", name)
    with pytest.raises(SpecError, match=f"NEPSBENCH_DEVICE={name}: torch finds no such device"):
        chosen_device()


def test_data_and_network_go_to_the_device_whole(monkeypatch, datasets_root):
    monkeypatch.setenv("NEPSBENCH_DEVICE", "meta")
    settings = get_recipe("nepsbench101").settings(DEFAULTS)
    data = prepare_trial_data(open_dataset("digits", datasets_root), settings)
    tensors = [getattr(s, part) for s in (data.train, data.valid, data.test)
               for part in ("inputs", "targets")]  # fmt: skip
    network = place(build_network("nepsbench101", DEFAULTS, data.problem))
    tensors += [*network.parameters(), *network.buffers(), data.mean, data.std]
    assert {tensor.device.type for tensor in tensors} == {"meta"}


@pytest.mark.parametrize("channels", [1, 3])
def test_a_network_keeps_channels_last_from_the_first_layer_to_the_pooling(channels):
    changes = {"Op1": 2, "Op2": 4, "Op4": 3, "Op6": 2, "Activation": "Mish"}
    problem = Problem((channels, 8, 8), 10)
    network = place(build_network("nepsbench101", {**DEFAULTS, **changes}, problem))
    seen = []
    for layer in list(network.children())[:-3]:
        layer.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    images = torch.rand(4, *problem.shape).contiguous(memory_format=torch.channels_last)
    network(images)
    assert len(seen) > 5
    assert all(output.is_contiguous(memory_format=torch.channels_last) for output in seen)


def test_every_batch_comes_channels_last(datasets_root):
    settings = get_recipe("nepsbench101").settings({**DEFAULTS, "TrivialAugment": True})
    data = prepare_trial_data(open_dataset("digits", datasets_root), settings)
    batches = [
        next(data.training_batches(seed=1, epoch=1)),
        next(data.evaluation_batches(data.valid)),
    ]
    for inputs, _ in batches:
        assert inputs.is_contiguous(memory_format=torch.channels_last)
