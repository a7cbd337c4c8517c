"""DeepSEA's own network, the expert of its data.

Three convolutions over the sequence, two poolings, one hidden layer: 52,843,119 parameters for its
919 outputs. Source: Zhou and Troyanskaya, Predicting effects of noncoding variants with deep
learning-based sequence model (Nature Methods 2015), supplementary note.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from nepsbench.spaces.experts import DEEPSEA
from nepsbench.spaces.networks.layers import entrance
from nepsbench.spaces.parameters import Scalar
from nepsbench.spaces.problem import Problem

_WIDTHS, _DROPOUT, _HIDDEN = (320, 480, 960), (0.2, 0.2, 0.5), 925
_KERNEL, _POOL = 8, 4


def build(configuration: Mapping[str, Scalar], problem: Problem) -> nn.Sequential:
    """Return the network of ``configuration``.

    Raises:
        InvalidConfigurationError: If the configuration is not in the space.
    """
    share = float(DEEPSEA.validate(configuration)["Width"])
    network: list[nn.Module] = entrance(problem)
    before, length = problem.channels, problem.shape[-1]
    for place, (published, dropout) in enumerate(zip(_WIDTHS, _DROPOUT, strict=True)):
        width = round(published * share)
        network += [nn.Conv1d(before, width, _KERNEL), nn.ReLU()]
        length -= _KERNEL - 1
        if place < len(_WIDTHS) - 1:
            network.append(nn.MaxPool1d(_POOL))
            length //= _POOL
        network.append(nn.Dropout(dropout))
        before = width
    hidden = round(_HIDDEN * share)
    return nn.Sequential(
        *network,
        nn.Flatten(),
        nn.Linear(before * length, hidden),
        nn.ReLU(),
        nn.Linear(hidden, problem.outputs),
    )
