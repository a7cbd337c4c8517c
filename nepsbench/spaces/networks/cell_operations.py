"""Operations of cells as of NASNet, AmoebaNet, PNAS, ENAS and DARTS, by their usual names.

Source: Liu et al., DARTS (ICLR 2019); facebookresearch/pycls, ``models/nas``. Those of sequences
have one axis instead of two: NAS-Bench-360, ``darts_1d``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nepsbench.spaces.networks.layers import PLANE, Layers, every_other


class ReLUConvBN(nn.Sequential):
    """ReLU, convolutions one after the other without bias, batch normalisation."""

    def __init__(
        self, channels: int, *convolutions: nn.Module, layers: Layers = PLANE, affine: bool = True
    ) -> None:
        super().__init__(nn.ReLU(), *convolutions, layers.norm(channels, affine=affine))


class FactorizedReduce(nn.Module):
    """Halves each axis by two convolutions of one place, the second shifted by one place."""

    def __init__(
        self, c_in: int, c_out: int, *, layers: Layers = PLANE, affine: bool = True
    ) -> None:
        super().__init__()
        self.first = layers.convolution(c_in, c_out // 2, 1, stride=2, bias=False)
        self.second = layers.convolution(c_in, c_out - c_out // 2, 1, stride=2, bias=False)
        self.norm = layers.norm(c_out, affine=affine)

    def forward(self, x: Tensor) -> Tensor:
        """Map (inputs, c_in, places) to (inputs, c_out, half the places, rounded up)."""
        x = F.relu(x)
        axes = x.dim() - 2
        shifted = F.pad(x, (0, 1) * axes)[(slice(None), slice(None), *(slice(1, None),) * axes)]
        result: Tensor = self.norm(torch.cat([self.first(x), self.second(shifted)], dim=1))
        return result


class Zero(nn.Module):
    """Zeros of the shape that the operation would have."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self._stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """Map (inputs, c, places) to (inputs, c, places/stride, rounded up) zeros."""
        return torch.zeros_like(every_other(x, self._stride))


def operation(
    name: str, channels: int, stride: int, *, layers: Layers = PLANE, affine: bool = True
) -> nn.Module:
    """Return an operation that keeps the channels.

    Args:
        name: Its usual one, such as ``sep_conv_3x3``.
        channels: Of its input and output.
        stride: 1, or 2 to halve each axis of places.
        layers: Of a plane or of a sequence.
        affine: Whether batch normalisation learns a scale.
    """
    return _OPERATIONS[name](_Of(channels, stride, layers, affine))


def project(c_in: int, c_out: int, *, layers: Layers = PLANE, affine: bool = True) -> ReLUConvBN:
    """Return ReLU, a convolution of one place to ``c_out`` channels, batch normalisation."""
    convolution = layers.convolution(c_in, c_out, 1, bias=False)
    return ReLUConvBN(c_out, convolution, layers=layers, affine=affine)


class _Of:
    """What an operation is made for."""

    def __init__(self, channels: int, stride: int, layers: Layers, affine: bool) -> None:
        self.channels, self.stride, self.layers, self.affine = channels, stride, layers, affine

    def convolution(self, kernel: int | tuple[int, ...], **how: object) -> nn.Module:
        convolution: nn.Module = self.layers.convolution(
            self.channels, self.channels, kernel, bias=False, **how
        )
        return convolution

    def together(self, *convolutions: nn.Module) -> ReLUConvBN:
        return ReLUConvBN(self.channels, *convolutions, layers=self.layers, affine=self.affine)

    def separable(self, stride: int, *, kernel: int, dilation: int = 1) -> list[nn.Module]:
        """Return a convolution of each channel and one of all channels at each place."""
        padding = dilation * (kernel - 1) // 2
        depthwise = self.convolution(
            kernel, stride=stride, padding=padding, dilation=dilation, groups=self.channels
        )
        return [depthwise, self.convolution(1)]


def _twice(of: _Of, *, kernel: int, dilation: int = 1) -> nn.Module:
    return nn.Sequential(
        of.together(*of.separable(of.stride, kernel=kernel, dilation=dilation)),
        of.together(*of.separable(1, kernel=kernel, dilation=dilation)),
    )


def _once(of: _Of, *, kernel: int) -> nn.Module:
    return of.together(*of.separable(of.stride, kernel=kernel, dilation=2))


def _plain(of: _Of, *, kernel: int) -> nn.Module:
    return of.together(of.convolution(kernel, stride=of.stride, padding=kernel // 2))


def _factored(of: _Of, *, kernel: int) -> nn.Module:
    pad, stride = kernel // 2, of.stride
    return of.together(
        of.convolution((1, kernel), stride=(1, stride), padding=(0, pad)),
        of.convolution((kernel, 1), stride=(stride, 1), padding=(pad, 0)),
    )


def _max_pool(of: _Of, *, kernel: int) -> nn.Module:
    pool: nn.Module = of.layers.max_pool(kernel, stride=of.stride, padding=kernel // 2)
    return pool


def _average_pool(of: _Of) -> nn.Module:
    pool: nn.Module = of.layers.average_pool(3, of.stride, 1, count_include_pad=False)
    return pool


def _skip(of: _Of) -> nn.Module:
    if of.stride == 1:
        return nn.Identity()
    return FactorizedReduce(of.channels, of.channels, layers=of.layers, affine=of.affine)


_OPERATIONS: dict[str, Callable[[_Of], nn.Module]] = {
    "none": lambda of: Zero(of.stride),
    "skip_connect": _skip,
    "avg_pool_3x3": _average_pool,
    "max_pool_3x3": partial(_max_pool, kernel=3),
    "max_pool_5x5": partial(_max_pool, kernel=5),
    "max_pool_7x7": partial(_max_pool, kernel=7),
    "conv_1x1": partial(_plain, kernel=1),
    "conv_3x3": partial(_plain, kernel=3),
    "conv_3x1_1x3": partial(_factored, kernel=3),
    "conv_7x1_1x7": partial(_factored, kernel=7),
    "dil_conv_3x3": partial(_once, kernel=3),
    "dil_conv_5x5": partial(_once, kernel=5),
    "sep_conv_3x3": partial(_twice, kernel=3),
    "sep_conv_5x5": partial(_twice, kernel=5),
    "sep_conv_7x7": partial(_twice, kernel=7),
    "dil_sep_conv_3x3": partial(_twice, kernel=3, dilation=2),
}
