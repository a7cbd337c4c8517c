"""Perceiver IO: shapes, positions, shared layers."""

from __future__ import annotations

import math

import pytest
import torch

from nepsbench.spaces import get_space
from nepsbench.spaces.networks import Problem, build_network, count_params
from nepsbench.spaces.networks.perceiver_io import fourier_features

SPACE = get_space("perceiver_io")
SMALL = {**SPACE.defaults, "Latents": 8, "Width": 16, "SelfAttention": 1}


@pytest.mark.parametrize(
    ("problem", "shape"),
    [
        (Problem((3, 12, 9), 5), (2, 5)),
        (Problem((4, 50), 36), (2, 36)),
        (Problem((4, 1, 50), 36), (2, 36)),
        (Problem((3, 11, 13), 1, dense=True), (2, 1, 11, 13)),
    ],
)
def test_all_kinds_of_data_give_their_outputs(problem: Problem, shape: tuple[int, ...]) -> None:
    network = build_network(SPACE.name, SMALL, problem)
    assert network(torch.randn(2, *problem.shape)).shape == shape


def test_positions_are_told_by_waves() -> None:
    features = fourier_features((4, 6))
    assert features.shape == (24, 2 * 65)
    assert features[0, :2].tolist() == [-1.0, -1.0]
    assert features[23, :2].tolist() == [1.0, 1.0]
    place = 2 * 6 + 1  # third row, second column
    row, column = -1 + 2 * 2 / 3, -1 + 2 * 1 / 5
    assert features[place, :2].tolist() == pytest.approx([row, column])
    assert float(features[place, 2]) == pytest.approx(math.sin(math.pi * row), abs=1e-5)
    last = features[place, 2 + 32 + 31]  # the highest frequency of columns: half of their number
    assert float(last) == pytest.approx(math.sin(math.pi * column * 3), abs=1e-5)
    assert len({tuple(each) for each in features.tolist()}) == 24


def test_layers_from_the_second_on_are_one() -> None:
    sizes = [
        count_params(build_network(SPACE.name, {**SMALL, "Layers": n}, Problem((3, 8, 8), 10)))
        for n in (1, 2, 3, 4)
    ]
    assert sizes[0] < sizes[1] == sizes[2] == sizes[3]


def test_the_default_is_the_published_baseline() -> None:
    network = build_network(SPACE.name, SPACE.defaults, Problem((3, 32, 32), 100))
    attentions = [m for m in network.modules() if isinstance(m, torch.nn.MultiheadAttention)]
    assert len(attentions) == 2 * (1 + 6) + 1
    assert {(m.embed_dim, m.num_heads) for m in attentions} == {(128, 4)}


def test_a_place_that_changes_changes_the_outputs() -> None:
    torch.manual_seed(0)
    network = build_network(SPACE.name, SMALL, Problem((1, 6, 6), 3)).eval()
    inputs = torch.randn(1, 1, 6, 6)
    moved = inputs.flip(3)
    assert not torch.allclose(network(inputs), network(moved), atol=1e-6)
