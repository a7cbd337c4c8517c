"""The networks of space ``autodeeplab``: one cell after another, each at its own resolution.

Source: Liu et al., Auto-DeepLab (CVPR 2019), sections 3.2 and 4.1; Chen et al., Rethinking Atrous
Convolution (2017), for what ends the network; rtu715/NAS-Bench-360, ``autodeeplab``.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nepsbench.spaces.autodeeplab import NODES, SPACE, levels_of, pairs_of
from nepsbench.spaces.networks.cell_operations import operation, project
from nepsbench.spaces.pairs import INPUTS
from nepsbench.spaces.parameters import Scalar
from nepsbench.spaces.problem import Problem

#: Dilation of the last convolution, by level: 96 pixels in the input's resolution.
_DILATIONS = (24, 12, 6, 3)


class Cell(nn.Module):
    """A cell of two inputs, both brought to its channels and its resolution.

    Args:
        pairs: Operation and state of each edge, two a node.
        c_before: Channels of the layer before the last one.
        c_last: Channels of the last layer.
        width: Channels of every state.
    """

    def __init__(
        self, pairs: list[tuple[str, int]], *, c_before: int, c_last: int, width: int
    ) -> None:
        super().__init__()
        self.before, self.last = project(c_before, width), project(c_last, width)
        self.operations = nn.ModuleList(operation(name, width, 1) for name, _ in pairs)
        self._states = [state for _, state in pairs]

    def forward(self, before: Tensor, last: Tensor, size: tuple[int, int]) -> Tensor:
        """Return the five nodes side by side, of height and width ``size``."""
        states = [self.before(resized(before, size)), self.last(resized(last, size))]
        for place in range(0, len(self._states), 2):
            first, second = (
                self.operations[k](states[self._states[k]]) for k in (place, place + 1)
            )
            states.append(first + second)
        return torch.cat(states[INPUTS:], dim=1)


class Pyramid(nn.Module):
    """A convolution of one place, a dilated one, and the mean over all, then one of one place.

    Args:
        width: Channels of its input.
        outputs: Of its output.
        level: Of its input.
    """

    def __init__(self, width: int, outputs: int, level: int) -> None:
        super().__init__()
        reach = _DILATIONS[level]
        self.near = _normed(nn.Conv2d(width, width, 1, bias=False), width)
        self.far = _normed(
            nn.Conv2d(width, width, 3, padding=reach, dilation=reach, bias=False), width
        )
        self.mean = nn.Conv2d(width, width, 1)
        self.out = nn.Conv2d(3 * width, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (images, width, h, w) to (images, outputs, h, w)."""
        mean = self.mean(x.mean((2, 3), keepdim=True)).expand_as(x)
        found: Tensor = self.out(torch.cat([self.near(x), self.far(x), mean], dim=1))
        return found


class DeepLab(nn.Module):
    """Stem, cells at their levels, and an output for each place of the input."""

    def __init__(self, configuration: Mapping[str, Scalar], problem: Problem) -> None:
        super().__init__()
        filters, pairs = int(configuration["Width"]), pairs_of(configuration)
        self._levels = levels_of(configuration)
        self.stem = stem(problem.channels, filters)
        self.cells = nn.ModuleList()
        c_before = c_last = NODES * filters
        for level in self._levels:
            width = filters << level
            self.cells.append(Cell(pairs, c_before=c_before, c_last=c_last, width=width))
            c_before, c_last = c_last, NODES * width
        self.head = Pyramid(c_last, problem.outputs, self._levels[-1])

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (images, channels, h, w) to (images, outputs, h, w)."""
        before = last = self.stem(inputs)
        quarter = (last.shape[2], last.shape[3])
        for cell, level in zip(self.cells, self._levels, strict=True):
            before, last = last, cell(before, last, size_at(quarter, level))
        return resized(self.head(last), (inputs.shape[2], inputs.shape[3]))


def build(configuration: Mapping[str, Scalar], problem: Problem) -> DeepLab:
    """Return the network of ``configuration``.

    Raises:
        InvalidConfigurationError: If the configuration is not in the space.
    """
    return DeepLab(SPACE.validate(configuration), problem)


def stem(channels: int, filters: int) -> nn.Sequential:
    """Return three convolutions that lead to a quarter of the resolution, level 0."""
    half, whole = max(1, filters // 2) * NODES, filters * NODES
    steps = ((channels, half, 2), (half, half, 1), (half, whole, 2))
    return nn.Sequential(
        *(
            _normed(nn.Conv2d(c_in, c_out, 3, stride=stride, padding=1, bias=False), c_out)
            for c_in, c_out, stride in steps
        )
    )


def size_at(quarter: tuple[int, int], level: int) -> tuple[int, int]:
    """Return height and width at a level, from those at level 0: halves, rounded up."""
    return -(-quarter[0] // (1 << level)), -(-quarter[1] // (1 << level))


def resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Return maps of height and width ``size``, interpolated where they have others.

    Interpolated by two products: torch's own has no deterministic gradient on every device.
    """
    for axis, length in ((2, size[0]), (3, size[1])):
        if x.shape[axis] != length:
            weights = _interpolation(x.shape[axis], length, x)
            x = torch.tensordot(x, weights, dims=([axis], [1])).movedim(-1, axis)
    return x


def _interpolation(before: int, after: int, like: Tensor) -> Tensor:
    """Return the matrix (after, before) of linear interpolation whose ends meet."""
    eye = torch.eye(before, dtype=like.dtype, device=like.device)[None]
    return F.interpolate(eye, size=after, mode="linear", align_corners=True)[0].T.contiguous()


def _normed(convolution: nn.Conv2d, channels: int) -> nn.Sequential:
    return nn.Sequential(convolution, nn.BatchNorm2d(channels), nn.ReLU())
