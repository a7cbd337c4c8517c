"""The network of space ``nats_size``: one cell a stage, each layer of its own width.

Source: AutoDL-Projects, ``lib/models/shape_infers/InferTinyCellNet.py``.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from nepsbench.spaces.nats_size import CELL, SPACE, channels_of
from nepsbench.spaces.networks.skeleton import sized_network
from nepsbench.spaces.parameters import Scalar
from nepsbench.spaces.problem import Problem


def build(configuration: Mapping[str, Scalar], problem: Problem) -> nn.Sequential:
    """Return the network of ``configuration``.

    Raises:
        InvalidConfigurationError: If the configuration is not in the space.
    """
    widths = channels_of(SPACE.validate(configuration))
    return sized_network(CELL, widths=widths, in_channels=problem.channels, classes=problem.outputs)
