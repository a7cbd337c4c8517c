"""The network of space ``nashpobench2``: NAS-Bench-201's, but for two details.

Convolutions outside of cells have a bias, and a cell's pooling counts the padding.
Source: yoichii/nashpobench2, ``nashpobench2/models``.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from nepsbench.spaces.nashpobench2 import SPACE, cell_of
from nepsbench.spaces.networks.nasbench201 import DEPTH, WIDTH
from nepsbench.spaces.networks.skeleton import cell_network
from nepsbench.spaces.parameters import Scalar
from nepsbench.spaces.problem import Problem


def build(configuration: Mapping[str, Scalar], problem: Problem) -> nn.Sequential:
    """Return the network of ``configuration``.

    Raises:
        InvalidConfigurationError: If the configuration is not in the space.
    """
    return cell_network(
        cell_of(SPACE.validate(configuration)),
        depth=DEPTH,
        width=WIDTH,
        in_channels=problem.channels,
        classes=problem.outputs,
        bias=True,
        count_include_pad=True,
    )
