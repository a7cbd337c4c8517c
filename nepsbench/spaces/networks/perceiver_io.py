"""The networks of space ``perceiver_io``.

Latents attend to all places of the input, each with its position as Fourier features, then to each
other; a query attends to them, and a linear layer makes the output of it, of a map the whole map.
Layers from the second on share their weights. Source: Jaegle et al., Perceiver IO (ICLR 2022);
rtu715/NAS-Bench-360, ``perceiver-io/perceiver/model``. The number of latents is not told there; the
default is its library's for small images.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from nepsbench.spaces.networks.layers import entrance
from nepsbench.spaces.parameters import Scalar
from nepsbench.spaces.perceiver_io import SPACE
from nepsbench.spaces.problem import Problem

_BANDS, _HEADS = 32, 4
_START, _REACH = 0.02, 2.0


class Attention(nn.Module):
    """Attention of queries to a context, then a layer of two, both beside their inputs.

    Args:
        width: Channels of queries and output.
        context: Channels of what is attended to.
        dropout: Of attention's weights.
    """

    def __init__(self, width: int, context: int, dropout: float) -> None:
        super().__init__()
        self.query_norm, self.context_norm = nn.LayerNorm(width), nn.LayerNorm(context)
        self.attention = nn.MultiheadAttention(
            width, _HEADS, dropout=dropout, kdim=context, vdim=context, batch_first=True
        )
        self.mixed = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, width), nn.GELU(), nn.Linear(width, width)
        )

    def forward(self, queries: Tensor, context: Tensor) -> Tensor:
        """Map (inputs, queries, width) to the same shape."""
        known = self.context_norm(context)
        found = self.attention(self.query_norm(queries), known, known, need_weights=False)[0]
        queries = queries + found
        result: Tensor = queries + self.mixed(queries)
        return result


class Layer(nn.Module):
    """Attention of the latents to the input, then of the latents to each other, several times."""

    def __init__(self, width: int, context: int, times: int, dropout: float) -> None:
        super().__init__()
        self.across = Attention(width, context, dropout)
        self.within = nn.ModuleList(Attention(width, width, dropout) for _ in range(times))

    def forward(self, latents: Tensor, context: Tensor) -> Tensor:
        """Map (inputs, latents, width) to the same shape."""
        latents = self.across(latents, context)
        for attention in self.within:
            latents = attention(latents, latents)
        return latents


class PerceiverIO(nn.Module):
    """The network of a configuration."""

    positions: Tensor

    def __init__(self, configuration: Mapping[str, Scalar], problem: Problem) -> None:
        super().__init__()
        width, dropout = int(configuration["Width"]), float(configuration["Dropout"])
        self.enter = nn.Sequential(*entrance(problem))
        places = problem.shape[-1:] if problem.is_sequence else problem.shape[1:]
        self.register_buffer("positions", fourier_features(places), persistent=False)
        context = problem.channels + self.positions.shape[1]
        times = int(configuration["SelfAttention"])
        self.latents = nn.Parameter(_drawn(int(configuration["Latents"]), width))
        self.layers = nn.ModuleList(
            Layer(width, context, times, dropout)
            for _ in range(min(2, int(configuration["Layers"])))
        )
        self._times = int(configuration["Layers"])
        self.query = nn.Parameter(_drawn(1, width))
        self.decoder = Attention(width, width, dropout)
        self._shape = (problem.outputs, *places) if problem.dense else (problem.outputs,)
        self.head = nn.Linear(width, math.prod(self._shape))

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (inputs, channels, places) to (inputs, outputs), of a map with its places."""
        values = self.enter(inputs).flatten(2).transpose(1, 2)
        count = len(values)
        context = torch.cat([values, self.positions.expand(count, -1, -1)], dim=2)
        latents = self.latents.expand(count, -1, -1)
        for time in range(self._times):
            latents = self.layers[min(time, 1)](latents, context)
        found = self.decoder(self.query.expand(count, -1, -1), latents)
        outputs: Tensor = self.head(found[:, 0]).reshape(count, *self._shape)
        return outputs


def build(configuration: Mapping[str, Scalar], problem: Problem) -> PerceiverIO:
    """Return the network of ``configuration``.

    Raises:
        InvalidConfigurationError: If the configuration is not in the space.
    """
    return PerceiverIO(SPACE.validate(configuration), problem)


def fourier_features(places: tuple[int, ...]) -> Tensor:
    """Return each place's position and its sines and cosines, shape (places, axes x 65).

    Positions go from -1 to 1; frequencies from 1 to half of an axis's length.
    """
    axes = [torch.linspace(-1, 1, length) for length in places]
    positions = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).flatten(0, -2)
    parts = [positions]
    for wave in (torch.sin, torch.cos):
        for axis, length in enumerate(places):
            frequencies = torch.linspace(1.0, length / 2, _BANDS)
            parts.append(wave(math.pi * positions[:, axis : axis + 1] * frequencies))
    return torch.cat(parts, dim=1)


def _drawn(count: int, width: int) -> Tensor:
    return nn.init.trunc_normal_(torch.empty(1, count, width), std=_START, a=-_REACH, b=_REACH)
