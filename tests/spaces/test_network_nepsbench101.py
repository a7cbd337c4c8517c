"""The network of nepsbench101 against published facts of NAS-Bench-201."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nepsbench.errors import InvalidConfigurationError, SpecError
from nepsbench.spaces import get_space
from nepsbench.spaces.cells import JAHS_EDGES
from nepsbench.spaces.nepsbench101 import OPERATIONS, cell_of, from_arch_str
from nepsbench.spaces.networks import Problem, build_network, count_flops, count_params
from nepsbench.spaces.networks.cell import CellModule

SPACE = get_space("nepsbench101")

NAMES = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")


def arch_str(digits: str) -> str:
    """Return NAS-Bench-201's string of six operations, as its authors number and order them."""
    a, b, c, d, e, f = (NAMES[int(digit)] for digit in digits)
    return f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"


# NAS-Bench-201, CIFAR-10, 16 channels, 5 cells: parameters in millions.
PUBLISHED_PARAMS = {
    "000000": 0.073306,
    "421211": 0.129306,
    "212304": 0.372346,
    "433444": 0.559386,
    "334131": 0.802426,
    "333333": 1.531546,
}
# The same, multiply-accumulates in millions (NATS-Bench topology archive, cells 0 and 11).
PUBLISHED_FLOPS = {"421211": 15.64737, "334034": 113.95137}


def network(configuration, channels=1):
    return build_network("nepsbench101", configuration, Problem((channels, 32, 32), outputs=10))


@pytest.mark.parametrize(("digits", "millions"), PUBLISHED_PARAMS.items())
def test_parameter_counts_are_those_of_nasbench201(digits, millions):
    assert count_params(network(from_arch_str(arch_str(digits), N=5, W=16), 3)) == pytest.approx(
        millions, abs=1e-9
    )


@pytest.mark.parametrize(("digits", "millions"), PUBLISHED_FLOPS.items())
def test_flops_are_those_of_nasbench201(digits, millions):
    found = count_flops(network(from_arch_str(arch_str(digits), N=5, W=16), 3), (3, 32, 32))
    assert found == pytest.approx(millions, abs=2e-5)  # published ones count the last bias


@pytest.mark.parametrize("activation", ["ReLU", "Hardswish", "Mish"])
@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 2, 2), (1, 1, 1), (1, 7, 7), (3, 32, 32)])
def test_every_activation_works_on_grey_and_colour_of_any_size(activation, shape):
    net = network({**SPACE.defaults, "Activation": activation, "Op1": 2, "Op6": 4}, shape[0])
    assert net(torch.randn(4, *shape)).shape == (4, 10)


@pytest.mark.parametrize("operation", range(5))
def test_every_operation_trains(operation):
    cell = dict.fromkeys(OPERATIONS, operation)
    loss = network({**SPACE.defaults, **cell})(torch.randn(4, 1, 8, 8)).square().sum()
    loss.backward()
    assert torch.isfinite(loss)


def full_cell(cell: CellModule, names: tuple[str, ...], x: torch.Tensor) -> torch.Tensor:
    """Compute every edge, zeros included, as NAS-Bench-201 defines a cell."""
    nodes = [x, *(torch.zeros_like(x) for _ in range(3))]
    for (source, target), name, operation in sorted(
        zip(JAHS_EDGES, names, cell.operations, strict=True), key=lambda item: item[0][1]
    ):
        if name != "none":
            nodes[target] = nodes[target] + operation(nodes[source])
    return nodes[3]


def test_a_cell_without_its_dead_edges_gives_the_same_output():
    torch.manual_seed(0)
    draws = torch.randint(5, (60, 6)).tolist()
    for draw in draws:
        names = cell_of({**SPACE.defaults, **dict(zip(OPERATIONS, draw, strict=True))})
        cell = CellModule(names, 4, nn.ReLU).eval()
        x = torch.randn(2, 4, 5, 5)
        torch.testing.assert_close(cell(x), full_cell(cell, names, x))


def test_pooling_on_an_edge_leaves_the_padding_out():
    cell = CellModule(("none", "none", "avg_pool_3x3", "none", "none", "none"), 1, nn.ReLU)
    assert torch.equal(cell(torch.ones(1, 1, 3, 3)), torch.ones(1, 1, 3, 3))


def test_an_invalid_configuration_is_refused():
    with pytest.raises(InvalidConfigurationError, match="W=5"):
        network({**SPACE.defaults, "W": 5})


def test_a_space_without_network_is_refused():
    with pytest.raises(SpecError, match="no network"):
        build_network("other", SPACE.defaults, Problem((1, 32, 32), outputs=2))
