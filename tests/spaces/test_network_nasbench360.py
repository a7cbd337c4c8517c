"""NAS-Bench-360's backbones, and the dense form of NAS-Bench-201's network."""

from __future__ import annotations

import pytest
import torch

from nepsbench.errors import SpecError
from nepsbench.spaces import get_space, nasbench201, space_names
from nepsbench.spaces.networks import Problem, build_network, count_flops, count_params

SPACE = get_space("nasbench360_backbone")


def backbone(problem, **changes):
    return build_network(SPACE.name, {**SPACE.defaults, **changes}, problem)


def test_the_wide_resnet_has_the_published_size():
    network = backbone(Problem((3, 32, 32), 10))
    # Wide Residual Networks, table 4: 2.7 M for WRN-16-4; this is its every weight.
    assert round(count_params(network) * 1e6) == 2_748_890
    assert network(torch.randn(2, 3, 32, 32)).shape == (2, 10)


@pytest.mark.parametrize(
    ("shape", "outputs"), [((3, 60, 60), 100), ((1, 16, 52), 18), ((1, 96, 101), 200)]
)
def test_planes_of_any_size_give_one_output(shape, outputs):
    network = backbone(Problem(shape, outputs)).eval()
    with torch.no_grad():
        assert network(torch.randn(1, *shape)).shape == (1, outputs)


def test_a_map_has_an_output_for_each_place_and_nothing_strides():
    network = backbone(Problem((3, 17, 13), 1, dense=True))
    assert network(torch.randn(2, 3, 17, 13)).shape == (2, 1, 17, 13)
    strides = {m.stride for m in network.modules() if isinstance(m, torch.nn.Conv2d)}
    assert strides == {(1, 1)}
    points = backbone(Problem((3, 17, 13), 1))
    assert count_params(network) == count_params(points)  # the same linear layer


@pytest.mark.parametrize("shape", [(4, 50), (4, 1, 50)])
def test_sequences_have_a_network_of_their_own(shape):
    network = backbone(Problem(shape, 36))
    assert network(torch.randn(2, *shape)).shape == (2, 36)
    width = [m.out_channels for m in network.modules() if type(m) is not torch.nn.Conv1d
             and isinstance(m, torch.nn.Conv1d)]  # fmt: skip
    assert width == [64] * 3 + [128] * 6
    convolutions = 64 * (8 * 4 + 5 * 64 + 3 * 64) + 128 * (8 * 64 + 5 * 128 + 3 * 128)
    convolutions += 128 * 128 * 16 + 4 * 64 + 64 * 128
    biases_and_norms = 3 * (4 * 64 + 7 * 128)
    assert round(count_params(network) * 1e6) == convolutions + biases_and_norms + 36 * 129
    assert count_flops(network, shape) == pytest.approx(
        (convolutions * 50 + 36 * 128) / 1e6, abs=1e-9
    )


def test_the_last_block_of_a_sequences_network_adds_nothing_as_published():
    blocks = backbone(Problem((1, 46), 24))[1:4]
    assert [block.shortcut is None for block in blocks] == [False, False, True]


def test_an_even_kernel_pads_its_end_once_more():
    convolution = backbone(Problem((1, 46), 24))[1].convolutions[0]
    with torch.no_grad():
        convolution.weight.zero_()[:, :, 0] = 1.0  # the kernel's first place looks 3 back
        convolution.bias.zero_()
        output = convolution(torch.arange(1.0, 11.0).reshape(1, 1, 10))
    assert output[0, 0].tolist() == [0, 0, 0, 1, 2, 3, 4, 5, 6, 7]


def test_dropout_is_where_the_configuration_says_and_only_in_training():
    network = backbone(Problem((3, 8, 8), 10), Dropout=0.6)
    rates = [m.p for m in network.modules() if isinstance(m, torch.nn.Dropout)]
    assert rates == [0.6] * 6
    x = torch.randn(2, 3, 8, 8)
    assert not torch.equal(network(x), network(x))
    network.eval()
    assert torch.equal(network(x), network(x))


def test_nasbench201_gives_maps_without_striding_as_on_darcy_flow():
    configuration = nasbench201.parse("421211")
    network = build_network("nasbench201", configuration, Problem((3, 9, 9), 1, dense=True))
    assert network(torch.randn(2, 3, 9, 9)).shape == (2, 1, 9, 9)
    assert not any(isinstance(m, torch.nn.AvgPool2d) and m.stride == 2 for m in network.modules())


TAKE_SEQUENCES = (
    "nasbench360_backbone",
    "darts",
    "densenas",
    "amber",
    "perceiver_io",
    "xgboost",
    "expert_resnet1d",
    "expert_rocket",
)


@pytest.mark.parametrize(
    "name", [n for n in space_names() if n.removeprefix("oneshot_") not in TAKE_SEQUENCES]
)
def test_other_networks_refuse_sequences_in_one_line(name):
    with pytest.raises(SpecError, match="choose another space or dataset"):
        build_network(name, get_space(name).defaults, Problem((4, 50), 36))


@pytest.mark.parametrize("name", ["nasbench101", "nepsbench101", "nats_size"])
def test_other_networks_refuse_maps(name):
    with pytest.raises(SpecError, match="gives one output an example"):
        build_network(name, get_space(name).defaults, Problem((3, 9, 9), 1, dense=True))


def test_a_map_over_a_sequence_is_refused():
    with pytest.raises(SpecError, match=r"takes inputs \(channels, height, width\)"):
        backbone(Problem((4, 50), 1, dense=True))
