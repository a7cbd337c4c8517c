"""The network of space ``nepsbench101``: NAS-Bench-201's skeleton with depth N and width W.

Resolution is no part of the network: it is applied to the images.
Source: jahs_bench (NEPSBench-101), ``search_space/graph.py``; Dong and Yang, NAS-Bench-201.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from nepsbench.spaces.nepsbench101 import SPACE, cell_of
from nepsbench.spaces.networks.activations import Mish
from nepsbench.spaces.networks.cell import Activation
from nepsbench.spaces.networks.skeleton import cell_network
from nepsbench.spaces.parameters import Scalar
from nepsbench.spaces.problem import Problem

_ACTIVATIONS: dict[str, Activation] = {
    "ReLU": nn.ReLU,
    "Hardswish": nn.Hardswish,
    "Mish": Mish,
}


def build(configuration: Mapping[str, Scalar], problem: Problem) -> nn.Sequential:
    """Return the network of ``configuration``.

    Raises:
        InvalidConfigurationError: If the configuration is not in the space.
    """
    configuration = SPACE.validate(configuration)
    return cell_network(
        cell_of(configuration),
        depth=int(configuration["N"]),
        width=int(configuration["W"]),
        in_channels=problem.channels,
        classes=problem.outputs,
        activation=_ACTIVATIONS[str(configuration["Activation"])],
    )
