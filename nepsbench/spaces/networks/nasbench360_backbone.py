"""The networks of space ``nasbench360_backbone``: one for what lies in a plane, one for sequences.

Source: rtu715/NAS-Bench-360, ``backbone/backbone_pt.py``, ``backbone_grid_wrn.py`` and
``backbone_1d/backbone_1d.py``; Zagoruyko and Komodakis, Wide Residual Networks; Fawaz et al.,
InceptionTime (2019), whose baseline the second is.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor, nn

from nepsbench.spaces.nasbench360_backbone import SPACE
from nepsbench.spaces.networks.layers import PLANE, SEQUENCE, entrance
from nepsbench.spaces.parameters import Scalar
from nepsbench.spaces.problem import Problem

_STEM = 16
_WIDTHS = (64, 128, 256)  # of 16 layers, four times as wide
_BLOCKS = 2
_SEQUENCE_WIDTHS = (64, 128, 128)
_KERNELS = (8, 5, 3)


class WideBlock(nn.Module):
    """Two 3x3 convolutions, each after batch normalisation and ReLU, beside a shortcut.

    Where the channels change, the shortcut is a 1x1 convolution of what the first ReLU gives.
    """

    def __init__(self, c_in: int, c_out: int, *, stride: int, dropout: float) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.BatchNorm2d(c_in), nn.ReLU())
        self.convolutions = nn.Sequential(
            nn.Conv2d(c_in, c_out, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(c_out),
            nn.ReLU(),
            *([nn.Dropout(dropout)] if dropout else []),
            nn.Conv2d(c_out, c_out, 3, padding=1, bias=False),
        )
        self.shortcut = (
            nn.Conv2d(c_in, c_out, 1, stride=stride, bias=False) if c_in != c_out else None
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (images, c_in, h, w) to (images, c_out, h/stride, w/stride), rounded up."""
        ready = self.first(x)
        shortcut: Tensor = x if self.shortcut is None else self.shortcut(ready)
        main: Tensor = self.convolutions(ready)
        return shortcut + main


class SequenceBlock(nn.Module):
    """Three convolutions, each before batch normalisation and ReLU.

    As published, a block adds its input (projected) only where the channels change: the last block,
    whose channels do not, adds nothing.
    """

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        channels = (c_in, c_out, c_out)
        self.convolutions = nn.Sequential(
            *(
                layer
                for before, kernel in zip(channels, _KERNELS, strict=True)
                for layer in (
                    SameConv1d(before, c_out, kernel),
                    nn.BatchNorm1d(c_out),
                    nn.ReLU(),
                )
            )
        )
        self.shortcut = (
            nn.Sequential(nn.Conv1d(c_in, c_out, 1), nn.BatchNorm1d(c_out))
            if c_in != c_out
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (sequences, c_in, length) to (sequences, c_out, length)."""
        main: Tensor = self.convolutions(x)
        return main if self.shortcut is None else main + self.shortcut(x)


class SameConv1d(nn.Conv1d):
    """A convolution that keeps the length; of an even kernel the end is padded once more."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (sequences, c_in, length) to (sequences, c_out, length)."""
        padding = (self.kernel_size[0] - 1) * self.dilation[0]
        return super().forward(F.pad(x, (padding // 2, padding - padding // 2)))


def build(configuration: Mapping[str, Scalar], problem: Problem) -> nn.Sequential:
    """Return the backbone for ``problem``.

    Dropout has no say where the input is a sequence: the published network has none.

    Raises:
        InvalidConfigurationError: If the configuration is not in the space.
    """
    dropout = float(SPACE.validate(configuration)["Dropout"])
    if problem.is_sequence:
        return _sequence_network(problem)
    return _wide_network(problem, dropout)


def _wide_network(problem: Problem, dropout: float) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(problem.channels, _STEM, 3, padding=1, bias=False)]
    before = _STEM
    for stage, width in enumerate(_WIDTHS):
        for block in range(_BLOCKS):
            halves = stage > 0 and block == 0 and not problem.dense
            layers.append(WideBlock(before, width, stride=1 + halves, dropout=dropout))
            before = width
    layers += [nn.BatchNorm2d(before), nn.ReLU()]
    head = PLANE.head(before, problem.outputs, dense=problem.dense)
    network = nn.Sequential(*layers, *head)
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.bias is None:
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.zeros_(module.bias)  # type: ignore[arg-type]
    return network


def _sequence_network(problem: Problem) -> nn.Sequential:
    layers = entrance(problem)
    before = problem.channels
    for width in _SEQUENCE_WIDTHS:
        layers.append(SequenceBlock(before, width))
        before = width
    return nn.Sequential(*layers, *SEQUENCE.pooled_head(before, problem.outputs))
