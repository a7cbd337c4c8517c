"""NASBench-PyTorch's network and ours with the same weights.

``python -m tests.spaces.nasbench_pytorch_port`` writes the golden file, where that package is.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nepsbench.spaces import nasbench101
from nepsbench.spaces.networks import Problem, build_network
from nepsbench.spaces.networks.nasbench101 import GraphCell

GOLDEN = Path(__file__).parents[1] / "golden" / "nasbench_pytorch.json"
#: Cells of the golden file: uneven channels, inputs that are added, few and many vertices.
GOLDEN_CELLS = (0, 3, 60, 2000, 40_000, 400_000)
_SIDE = 8


def images() -> Tensor:
    """Return two images that no random generator made, shape (2, 3, 8, 8)."""
    return torch.cos(torch.arange(2 * 3 * _SIDE * _SIDE) * 0.7).reshape(2, 3, _SIDE, _SIDE)


def our_network(number: int) -> nn.Sequential:
    """Return our network of a cell, for evaluation, with weights that no generator made."""
    with torch.device("meta"):  # nothing is drawn
        network = build_network(
            "nasbench101", nasbench101.SPACE.at(number), Problem((3, _SIDE, _SIDE), 10)
        )
    assert isinstance(network, nn.Sequential)
    network.to_empty(device="cpu")
    for place, tensor in enumerate(_ours(network)):
        tensor.data.copy_(_values(place, tensor))
    return network.eval()


def their_network(number: int, ours: nn.Module) -> Any:
    """Return NASBench-PyTorch's network of a cell with the weights of ours, for evaluation."""
    from nasbench_pytorch.model import Network

    matrix, operations = nasbench101.to_spec(nasbench101.SPACE.at(number))
    network = Network((np.array(matrix), operations))
    layers = [m for m in network.modules() if isinstance(m, _WITH_WEIGHTS)]
    theirs_in_order = (tensor for layer in layers for tensor in _tensors(layer))
    for theirs, own in zip(theirs_in_order, _ours(ours), strict=True):
        assert theirs.shape == own.shape
        theirs.data.copy_(own)
    return network.eval()


_WITH_WEIGHTS = (nn.Conv2d, nn.BatchNorm2d, nn.Linear)


def _ours(module: nn.Module) -> Iterator[Tensor]:
    """Yield the tensors of our network in the order of theirs.

    In a cell, operations come before projections, which are one layer here and one a vertex there.
    """
    for child in module.children():
        if isinstance(child, GraphCell):
            yield from _ours(child.operations)
            start = 0
            for channels in child.projected_channels:
                for layer in (child.projection[0], child.projection[1]):
                    for tensor in _tensors(layer):
                        yield tensor[start : start + channels]
                start += channels
        elif isinstance(child, _WITH_WEIGHTS):
            yield from _tensors(child)
        else:
            yield from _ours(child)


def _tensors(layer: nn.Module) -> Iterator[Tensor]:
    """Yield what a layer holds: weights, biases, and running averages."""
    for name, tensor in layer.state_dict(keep_vars=True).items():
        if name != "num_batches_tracked":
            yield tensor


def _values(place: int, tensor: Tensor) -> Tensor:
    """Return values of the shape of a network's tensor; variances and scales stay above 0."""
    wave = torch.cos(torch.arange(tensor.numel(), dtype=torch.float64) * 0.37 + place)
    if tensor.dim() > 1:
        wave = wave * math.sqrt(1 / tensor[0].numel())
    else:
        wave = 1 + 0.3 * wave if place % 2 else 1 + 0.2 * wave
    return wave.reshape(tensor.shape)


def outputs(network: Any) -> Tensor:
    """Return what a network says of the images, shape (2, 10)."""
    with torch.no_grad():
        found: Tensor = network(images())
    return found


if __name__ == "__main__":
    golden = {n: outputs(their_network(n, our_network(n))).tolist() for n in GOLDEN_CELLS}
    GOLDEN.write_text(json.dumps(golden, indent=1) + "\n")
