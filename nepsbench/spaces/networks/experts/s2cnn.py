"""The spherical CNN, the expert of Spherical CIFAR-100.

A convolution on the sphere and one on the rotations, in Fourier space, so that a turned image gives
turned features; what is left of them is their mean over all rotations. Source: Cohen et al.,
Spherical CNNs (ICLR 2018), section 5.2; jonkhler/s2cnn, ``examples/mnist/run.py``, its first
network.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nepsbench.spaces.experts import S2CNN
from nepsbench.spaces.networks.experts.rotations import (
    RotationTransform,
    SphereTransform,
    rotation_filter,
    sphere_filter,
)
from nepsbench.spaces.parameters import Scalar
from nepsbench.spaces.problem import Problem

#: Parts of the input's bandwidth that the two convolutions keep, as 10 and 6 of 30.
_FIRST, _SECOND = 3, 5


class SphereConvolution(nn.Module):
    """From a sphere to rotations: what a filter sees when it is turned by each of them.

    Args:
        c_in: Channels of input.
        c_out: Of output.
        b_in: Bandwidth of input: it has 2 b polar angles and azimuths.
        b_out: Of output.
    """

    basis: Tensor

    def __init__(self, c_in: int, c_out: int, *, b_in: int, b_out: int) -> None:
        super().__init__()
        self.known = SphereTransform(b_in, b_out)
        self.made = RotationTransform(b_out, b_out)
        self.register_buffer("basis", sphere_filter(b_out), persistent=False)
        self.weight = _filters(c_in, c_out, len(self.basis))
        self.bias = nn.Parameter(torch.zeros(c_out))

    def forward(self, x: Tensor) -> Tensor:
        """Map (spheres, c_in, 2 b_in, 2 b_in) to (spheres, c_out, 2 b, 2 b, 2 b)."""
        known = self.known.analysed(x)
        filters = torch.einsum("iok,klm->iolm", self.weight.to(known.dtype), self.basis).conj()
        mixed = torch.einsum("bilm,ioln->bolmn", known, filters)
        return self.made.sampled(mixed) + self.bias[:, None, None, None]


class RotationConvolution(nn.Module):
    """From rotations to rotations; arguments as of :class:`SphereConvolution`."""

    basis: Tensor

    def __init__(self, c_in: int, c_out: int, *, b_in: int, b_out: int) -> None:
        super().__init__()
        self.known = RotationTransform(b_in, b_out)
        self.made = RotationTransform(b_out, b_out)
        self.register_buffer("basis", rotation_filter(b_out), persistent=False)
        self.weight = _filters(c_in, c_out, len(self.basis))
        self.bias = nn.Parameter(torch.zeros(c_out))

    def forward(self, x: Tensor) -> Tensor:
        """Map (spheres, c_in, 2 b_in, ...) to (spheres, c_out, 2 b_out, ...), three axes each."""
        known = self.known.analysed(x)
        filters = torch.einsum("iok,klmn->iolmn", self.weight.to(known.dtype), self.basis).conj()
        mixed = torch.einsum("bilkn,iolmn->bolkm", known, filters)
        return self.made.sampled(mixed) + self.bias[:, None, None, None]


class SphericalNetwork(nn.Module):
    """The network of a configuration."""

    def __init__(self, width: int, problem: Problem) -> None:
        super().__init__()
        bandwidth = problem.shape[1] // 2
        first, second = max(2, bandwidth // _FIRST), max(2, bandwidth // _SECOND)
        self.sphere = SphereConvolution(problem.channels, width, b_in=bandwidth, b_out=first)
        self.rotations = RotationConvolution(width, 2 * width, b_in=first, b_out=second)
        self.head = nn.Linear(2 * width, problem.outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Map (spheres, channels, 2 b, 2 b) to (spheres, outputs)."""
        seen = F.relu(self.rotations(F.relu(self.sphere(x))))
        outputs: Tensor = self.head(self.rotations.made.mean(seen))
        return outputs


def build(configuration: Mapping[str, Scalar], problem: Problem) -> SphericalNetwork:
    """Return the network of ``configuration``.

    Raises:
        InvalidConfigurationError: If the configuration is not in the space.
    """
    return SphericalNetwork(int(S2CNN.validate(configuration)["Width"]), problem)


def _filters(c_in: int, c_out: int, points: int) -> nn.Parameter:
    """Return drawn values of filters at so many points; ReLU keeps half of what they give."""
    return nn.Parameter(torch.randn(c_in, c_out, points) * math.sqrt(2 / (points * c_in)))
