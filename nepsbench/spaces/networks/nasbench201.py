"""The network of space ``nasbench201``: 16 channels, five cells a stage."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from nepsbench.spaces.nasbench201 import SPACE, cell_of
from nepsbench.spaces.networks.skeleton import cell_network
from nepsbench.spaces.parameters import Scalar
from nepsbench.spaces.problem import Problem

WIDTH, DEPTH = 16, 5


def build(configuration: Mapping[str, Scalar], problem: Problem) -> nn.Sequential:
    """Return the network of ``configuration``.

    For a map it neither strides nor pools at its end, as NAS-Bench-360 trained it on Darcy Flow.

    Raises:
        InvalidConfigurationError: If the configuration is not in the space.
    """
    return cell_network(
        cell_of(SPACE.validate(configuration)),
        depth=DEPTH,
        width=WIDTH,
        in_channels=problem.channels,
        classes=problem.outputs,
        dense=problem.dense,
    )
