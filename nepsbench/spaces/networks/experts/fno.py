"""The Fourier neural operator, the expert of Darcy flow.

Four layers, each a linear map of the lowest frequencies beside a 1x1 convolution; the map is
padded, since it is not periodic. Source: Li et al., Fourier Neural Operator for Parametric Partial
Differential Equations (ICLR 2021), whose two-dimensional network has 2,368,001 parameters.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nepsbench.spaces.experts import FNO
from nepsbench.spaces.parameters import Scalar
from nepsbench.spaces.problem import Problem

_LAYERS, _PADDING, _HIDDEN = 4, 9, 128


class SpectralConvolution(nn.Module):
    """A matrix of its own for each of the lowest frequencies of both axes.

    Args:
        width: Channels of input and output.
        modes: Frequencies of an axis, those below zero apart.
    """

    def __init__(self, width: int, modes: int) -> None:
        super().__init__()
        self._modes = modes
        shape = (2, width, width, modes, modes, 2)  # both signs of the rows' frequencies; complex
        self.weight = nn.Parameter(torch.rand(shape) / width**2)

    def forward(self, x: Tensor) -> Tensor:
        """Map (maps, width, h, w) to the same shape."""
        height, width = x.shape[-2:]
        rows, columns = min(self._modes, height // 2), min(self._modes, width // 2 + 1)
        known = torch.fft.rfft2(x)
        weight = torch.view_as_complex(self.weight)[..., :rows, :columns]
        low = _mixed(known[..., :rows, :columns], weight[0])
        high = _mixed(known[..., height - rows :, :columns], weight[1])
        missing = (0, known.shape[-1] - columns)
        between = low.new_zeros(*low.shape[:2], height - 2 * rows, columns)
        made = F.pad(torch.cat([low, between, high], dim=2), missing)
        result: Tensor = torch.fft.irfft2(made, s=(height, width))
        return result


class FourierOperator(nn.Module):
    """The network of a configuration."""

    def __init__(self, configuration: Mapping[str, Scalar], problem: Problem) -> None:
        super().__init__()
        width, modes = int(configuration["Width"]), int(configuration["Modes"])
        self.lift = nn.Conv2d(problem.channels, width, 1)
        self.spectral = nn.ModuleList(SpectralConvolution(width, modes) for _ in range(_LAYERS))
        self.local = nn.ModuleList(nn.Conv2d(width, width, 1) for _ in range(_LAYERS))
        self.project = nn.Sequential(
            nn.Conv2d(width, _HIDDEN, 1), nn.GELU(), nn.Conv2d(_HIDDEN, problem.outputs, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (maps, channels, h, w) to (maps, outputs, h, w)."""
        x = F.pad(self.lift(x), (0, _PADDING, 0, _PADDING))
        for place, (spectral, local) in enumerate(zip(self.spectral, self.local, strict=True)):
            x = spectral(x) + local(x)
            x = F.gelu(x) if place < _LAYERS - 1 else x
        outputs: Tensor = self.project(x[..., :-_PADDING, :-_PADDING])
        return outputs


def build(configuration: Mapping[str, Scalar], problem: Problem) -> FourierOperator:
    """Return the network of ``configuration``.

    Raises:
        InvalidConfigurationError: If the configuration is not in the space.
    """
    return FourierOperator(FNO.validate(configuration), problem)


def _mixed(known: Tensor, weight: Tensor) -> Tensor:
    """Multiply (maps, c_in, rows, columns) by (c_in, c_out, rows, columns), place by place."""
    return torch.einsum("bihw,iohw->bohw", known, weight)
