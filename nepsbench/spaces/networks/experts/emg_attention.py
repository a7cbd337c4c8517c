"""Attention over time, the expert of NinaPro DB5.

A convolution over time makes features of each moment; each feature is summed up over time with
weights of its own, and dense layers follow. Of an image, rows are sensors and columns are time.
Source: Josephs et al., sEMG Gesture Recognition with a Simple Model of Attention (ML4H 2020);
josephsdavid/attentionsemg, ``noimu_17.py``.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from nepsbench.spaces.experts import EMG_ATTENTION
from nepsbench.spaces.networks.activations import Mish
from nepsbench.spaces.parameters import Scalar
from nepsbench.spaces.problem import Problem

_FEATURES, _DENSE = 128, (500, 500, 2000)


class TimeAttention(nn.Module):
    """Sums up each feature over time; its weights are a softmax of what the feature was."""

    def __init__(self, features: int, moments: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(features)
        self.weights = nn.Linear(moments, moments)

    def forward(self, x: Tensor) -> Tensor:
        """Map (examples, features, moments) to (examples, features)."""
        x = self.norm(x.transpose(1, 2)).transpose(1, 2)
        return (torch.softmax(self.weights(x), dim=2) * x).sum(dim=2)


def build(configuration: Mapping[str, Scalar], problem: Problem) -> nn.Sequential:
    """Return the network of ``configuration``.

    Raises:
        InvalidConfigurationError: If the configuration is not in the space.
    """
    valid = EMG_ATTENTION.validate(configuration)
    share, dropout = float(valid["Width"]), float(valid["Dropout"])
    sensors, moments = problem.shape[0] * problem.shape[1], problem.shape[2]
    before = round(_FEATURES * share)
    network: list[nn.Module] = [
        nn.Flatten(1, 2),
        nn.Conv1d(sensors, before, 3, padding=1),
        Mish(),
        TimeAttention(before, moments),
    ]
    for published in _DENSE:
        width = round(published * share)
        network += [nn.Dropout(dropout), nn.Linear(before, width), Mish(), nn.LayerNorm(width)]
        before = width
    return nn.Sequential(*network, nn.Linear(before, problem.outputs))
