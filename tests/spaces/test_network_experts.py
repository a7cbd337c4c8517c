"""The experts: shapes, published sizes, and what makes each what it is."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import scipy.linalg
import torch

from nepsbench.datasets import about
from nepsbench.errors import SpecError
from nepsbench.spaces import get_space
from nepsbench.spaces.experts import EXPERTS
from nepsbench.spaces.networks import Problem, build_network, count_params
from nepsbench.spaces.networks.experts import rotations
from nepsbench.spaces.networks.experts.fno import SpectralConvolution
from nepsbench.spaces.networks.experts.s2cnn import RotationConvolution, SphereConvolution
from nepsbench.spaces.problem import check_problem

#: Configurations that are small, and a problem of the kind that each expert is for.
SMALL = {
    "expert_densenet_bc": ({"Growth": 4, "Depth": 16}, Problem((3, 9, 9), 5)),
    "expert_s2cnn": ({"Width": 5}, Problem((3, 12, 12), 5)),
    "expert_fno": ({"Modes": 4, "Width": 8}, Problem((3, 11, 13), 1, dense=True)),
    "expert_deepcon": ({"Width": 4, "Depth": 4}, Problem((5, 11, 13), 1, dense=True)),
    "expert_deepcr": ({"Width": 4}, Problem((1, 11, 13), 1, dense=True)),
    "expert_emg_attention": ({"Width": 0.125}, Problem((1, 16, 20), 5)),
    "expert_vgg": ({"Width": 0.125}, Problem((1, 20, 21), 5)),
    "expert_resnet1d": ({"Width": 0.125, "Depth": 16}, Problem((1, 1, 50), 5)),
    "expert_rocket": ({"Kernels": 100}, Problem((1, 46), 5)),
    "expert_deepsea": ({"Width": 0.125}, Problem((4, 200), 5)),
}


def expert(name: str, problem: Problem, **changes) -> torch.nn.Module:
    torch.manual_seed(0)
    return build_network(name, {**get_space(name).defaults, **changes}, problem)


@pytest.mark.parametrize("name", EXPERTS.values())
def test_every_expert_answers_each_example_by_itself(name: str) -> None:
    changes, problem = SMALL[name]
    network = expert(name, problem, **changes).eval()
    inputs = torch.randn(3, *problem.shape)
    outputs = network(inputs)
    places = problem.shape[1:] if problem.dense else ()
    assert outputs.shape == (3, problem.outputs, *places)
    assert torch.allclose(network(inputs[1:2]), outputs[1:2], atol=1e-5)
    assert not torch.allclose(outputs[0], outputs[1])


@pytest.mark.parametrize(("dataset", "name"), EXPERTS.items())
def test_every_expert_takes_the_task_that_it_is_for(dataset: str, name: str) -> None:
    facts = about(dataset)
    check_problem(name, Problem(facts.shape, facts.task.outputs, facts.task.dense))


@pytest.mark.parametrize(
    ("name", "changes", "problem", "published"),
    [
        ("expert_densenet_bc", {"Growth": 12, "Depth": 100}, Problem((3, 32, 32), 10), 769_162),
        ("expert_densenet_bc", {}, Problem((3, 32, 32), 10), 25_624_430),
        ("expert_fno", {}, Problem((3, 85, 85), 1, dense=True), 2_368_001),
        ("expert_deepsea", {}, Problem((4, 1000), 919), 52_843_119),
    ],
)
def test_sizes_are_the_published_ones(name, changes, problem, published) -> None:
    assert count_params(expert(name, problem, **changes)) * 1e6 == pytest.approx(published)


def test_the_sphericals_size_is_that_of_its_filters() -> None:
    network = expert("expert_s2cnn", Problem((1, 60, 60), 10))
    filters = 20 * 24 + 20 * 40 * 192
    assert count_params(network) * 1e6 == pytest.approx(filters + 20 + 40 + 40 * 10 + 10)
    assert network(torch.randn(1, 1, 60, 60)).shape == (1, 10)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("expert_s2cnn", Problem((3, 60, 58), 5)),
        ("expert_fno", Problem((3, 8, 8), 5)),
        ("expert_rocket", Problem((3, 8, 8), 5)),
        ("expert_deepsea", Problem((4, 162), 5)),
        ("expert_densenet_bc", Problem((4, 162), 5)),
    ],
)
def test_experts_refuse_data_that_is_not_theirs(name: str, problem: Problem) -> None:
    with pytest.raises(SpecError, match="choose another space or dataset"):
        expert(name, problem)


def test_low_frequencies_of_a_wave_are_mixed_and_high_ones_go() -> None:
    layer = SpectralConvolution(1, 4)
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[..., 0] = 2.0
    places = torch.arange(16) * 2 * math.pi / 16
    for k, factor in ((0, 2.0), (3, 2.0), (4, 0.0), (7, 0.0)):
        columns = torch.cos(k * places).expand(16, 16)[None, None]
        assert torch.allclose(layer(columns), factor * columns, atol=1e-5)
    lowest_row = torch.cos(-4 * places)[:, None].expand(16, 16)[None, None]
    kept = layer(lowest_row)  # of -4 and 4, only -4 is among the modes
    assert float(kept.detach().std() / lowest_row.std()) == pytest.approx(1.0, abs=1e-5)


def test_wigners_matrices_are_the_exponentials_of_turns() -> None:
    beta = np.array([0.3, 1.2, 2.9])
    table = rotations.wigner_d(5, beta)
    for degree in range(5):
        m = np.arange(-degree, degree)
        up = np.sqrt(degree * (degree + 1) - m * (m + 1))
        j_y = (np.diag(up, -1) - np.diag(up, 1)) / 2j
        for k, angle in enumerate(beta):
            turn = scipy.linalg.expm(-1j * angle * j_y)
            inner = slice(4 - degree, 5 + degree)
            assert np.allclose(table[degree, inner, inner, k], turn, atol=1e-12)


def drawn_coefficients(*shape: int) -> torch.Tensor:
    """Coefficients of a real function on rotations: those of opposite orders belong together."""
    drawn = torch.randn(*shape, dtype=torch.complex64)
    kept = shape[-3]
    for degree in range(kept):
        outside = (torch.arange(-kept + 1, kept).abs() > degree).nonzero().flatten()
        drawn[..., degree, outside, :] = 0
        drawn[..., degree, :, outside] = 0
    orders = torch.arange(-kept + 1, kept)
    sign = (-1.0) ** (orders[:, None] - orders[None, :]).abs()
    return (drawn + sign * drawn.conj().flip(-1, -2)) / 2


def test_what_is_sampled_on_rotations_is_analysed_again() -> None:
    wanted = drawn_coefficients(2, 3, 4, 7, 7)
    sampled = rotations.RotationTransform(4, 4).sampled(wanted)
    found = rotations.RotationTransform(4, 4).analysed(sampled)
    assert torch.allclose(found, wanted, atol=1e-5)
    mean = rotations.RotationTransform(4, 4).mean(sampled)
    assert torch.allclose(mean, wanted[..., 0, 3, 3].real, atol=1e-5)


def turned(alpha: float, beta: float, gamma: float) -> np.ndarray:
    def about_z(angle: float) -> np.ndarray:
        cos, sin = math.cos(angle), math.sin(angle)
        return np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])

    cos, sin = math.cos(beta), math.sin(beta)
    about_y = np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])
    return about_z(alpha) @ about_y @ about_z(gamma)


def smooth(points: np.ndarray) -> np.ndarray:
    """A function of degree 2 on the sphere, points along the first axis."""
    x, y, z = points
    return 0.3 + x - 2 * y + 0.5 * z + x * y - 1.5 * y * z + z**2


def on_the_sphere(beta: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    return np.stack([np.sin(beta) * np.cos(alpha), np.sin(beta) * np.sin(alpha), np.cos(beta)])


def test_a_convolution_gives_what_the_turned_filter_sees() -> None:
    b_in, b_out = 6, 4
    layer = SphereConvolution(1, 1, b_in=b_in, b_out=b_out)
    grid = rotations.polar_angles(b_in), np.arange(2 * b_in) * math.pi / b_in
    image = smooth(on_the_sphere(*np.meshgrid(*grid, indexing="ij")))
    found = layer(torch.from_numpy(image).float()[None, None])[0, 0].detach().numpy()
    rings = np.repeat(np.arange(1, 4) * math.pi / 24, 8), np.tile(np.arange(8) * math.pi / 4, 3)
    points, weights = on_the_sphere(*rings), layer.weight[0, 0].detach().numpy()
    for j, a, g in itertools.product((0, 3, 7), (0, 5), (0, 2)):
        turn = turned(a * math.pi / b_out,
                      rotations.polar_angles(b_out)[j], g * math.pi / b_out)  # fmt: skip
        seen = (weights * smooth(turn @ points)).sum()
        assert found[j, a, g] == pytest.approx(seen, abs=1e-4)


def test_a_turned_sphere_turns_its_features_and_leaves_their_mean() -> None:
    torch.manual_seed(1)
    first = SphereConvolution(2, 3, b_in=6, b_out=4)
    second = RotationConvolution(3, 4, b_in=4, b_out=2)
    turn = turned(0.4, 1.1, -0.7)
    grid = rotations.polar_angles(6), np.arange(12) * math.pi / 6
    points = on_the_sphere(*np.meshgrid(*grid, indexing="ij"))
    other = np.einsum("ij,jab->iab", turn.T, points)
    straight, tilted = (
        torch.from_numpy(np.stack([smooth(p), smooth(-p)])).float()[None] for p in (points, other)
    )
    a, b = second(first(straight)), second(first(tilted))
    assert not torch.allclose(a, b, atol=1e-2)
    energy = [second.made.mean(x.square()) for x in (a, b)]
    assert torch.allclose(second.made.mean(a), second.made.mean(b), atol=1e-5)
    # Squares of degree 1 are of degree 2, which the grid of bandwidth 2 cannot integrate all of.
    assert torch.allclose(*energy, rtol=0.2)


def test_rocket_finds_what_its_features_tell() -> None:
    torch.manual_seed(3)
    labels = torch.arange(90) % 3
    waves = torch.sin(torch.arange(60) * (labels[:, None] + 1) / 3 + torch.rand(90, 1) * 6)
    inputs = (waves + 0.2 * torch.randn(90, 60))[:, None]
    model = expert("expert_rocket", Problem((1, 60), 3), Kernels=500)
    model.fit_epoch(inputs[:60], labels[:60], loss="cross_entropy", seed=0)
    assert (model(inputs[60:]).argmax(dim=1) == labels[60:]).float().mean() > 0.9
    with pytest.raises(SpecError, match="no answer to loss mse"):
        model.fit_epoch(inputs, labels, loss="mse", seed=0)


def test_rockets_kernels_are_as_published() -> None:
    model = expert("expert_rocket", Problem((1, 300), 3), Kernels=1000)
    shapes = {
        shape: len(weight) for shape, weight in zip(model._shapes, model.weights, strict=True)
    }
    assert sum(shapes.values()) == 1000
    for length in (7, 9, 11):
        assert sum(n for s, n in shapes.items() if s.length == length) == pytest.approx(333, abs=60)
        reach = max(s.dilation for s in shapes if s.length == length)
        assert (length - 1) * reach < 300
    assert sum(n for s, n in shapes.items() if s.padded) == pytest.approx(500, abs=60)
    for weight in model.weights:
        assert torch.allclose(weight.mean(dim=2), torch.zeros(()), atol=1e-6)
