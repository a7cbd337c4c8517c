"""The layers that networks have in place of torch's own, against torch's own."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nepsbench.spaces.networks.activations import Mish
from nepsbench.spaces.networks.cell import ConvBN
from nepsbench.spaces.networks.normalisation import NarrowBatchNorm, batch_norm
from nepsbench.spaces.networks.pooling import AveragePool

LAYOUTS = (torch.contiguous_format, torch.channels_last)


def images(*shape: int, layout: torch.memory_format = torch.contiguous_format) -> Tensor:
    random = torch.Generator().manual_seed(0)
    values = torch.randn(shape, dtype=torch.float64, generator=random) * 3 + 1
    return values.to(memory_format=layout).requires_grad_()


def assert_same(found: Tensor, expected: Tensor, *inputs: Tensor) -> None:
    """Compare two results, and the gradients of a weighted sum of each."""
    assert torch.allclose(found, expected)
    weights = torch.linspace(-1, 2, expected.numel(), dtype=expected.dtype).view(expected.shape)
    pairs = zip(
        torch.autograd.grad((found * weights).sum(), inputs),
        torch.autograd.grad((expected * weights).sum(), inputs),
        strict=True,
    )
    assert all(torch.allclose(a, b) for a, b in pairs)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("count_include_pad", [False, True])
@pytest.mark.parametrize("size", [(5, 4), (1, 6), (3, 1), (1, 1), (2, 2)])
def test_pooling_is_torchs_to_the_border(size, count_include_pad, layout):
    x = images(2, 3, *size, layout=layout)
    expected = F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=count_include_pad)
    assert_same(AveragePool(count_include_pad=count_include_pad)(x), expected, x)


def test_mish_is_torchs_from_far_below_zero_to_far_above():
    x = torch.linspace(-90, 90, 2001, dtype=torch.float64, requires_grad=True)
    assert_same(Mish()(x), F.mish(x), x)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(4, 4, 8, 8), (3, 5, 7, 5), (2, 1, 1, 1)])
def test_normalisation_of_few_channels_is_torchs(shape, layout):
    x = images(*shape, layout=layout)
    own, torchs = batch_norm(shape[1]).double(), nn.BatchNorm2d(shape[1]).double()
    assert isinstance(own, NarrowBatchNorm)
    for norm in (own, torchs):
        nn.init.constant_(norm.weight, 1.5)
        nn.init.constant_(norm.bias, -0.5)
    assert torch.allclose(own(x), torchs(x))
    assert_same(own(x), torchs(x), x)
    own(x).sum().backward()
    torchs(x).sum().backward()
    assert torch.allclose(own.weight.grad, torchs.weight.grad, atol=1e-8)
    assert torch.allclose(own.bias.grad, torchs.bias.grad)
    for name, kept in torchs.state_dict().items():
        assert torch.allclose(own.state_dict()[name], kept), name
    assert_same(own.eval()(x), torchs.eval()(x), x)


def test_normalisation_refuses_a_single_place_as_torchs_does():
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        batch_norm(4)(torch.ones(1, 4, 1, 1))


@pytest.mark.parametrize("channels", [4, 8])
@pytest.mark.parametrize("bias", [False, True])
def test_in_evaluation_convolution_and_normalisation_in_one_are_the_same(channels, bias):
    block = ConvBN(channels, channels, kernel=3, activation=nn.ReLU, bias=bias).double()
    x = images(2, channels, 6, 6)
    block(x)
    block.eval()
    assert torch.allclose(block.convolve(block.activate(x)), block(x))
