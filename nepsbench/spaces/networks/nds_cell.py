"""The networks of NDS's cell family: DARTS's, with normal and reduction cells of any proposer.

Numbers of parameters, and FLOPs, are the published ones for small images; the stem for ImageNet is
DARTS's and could not be compared with published numbers. Auxiliary heads are not built.
Source: Liu et al., DARTS (ICLR 2019); facebookresearch/pycls, ``models/nas``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nepsbench.errors import SpecError
from nepsbench.spaces import nds
from nepsbench.spaces.nds_notation import to_genotype
from nepsbench.spaces.parameters import Scalar
from nepsbench.spaces.problem import Problem

_STEM_WIDTH = 3  # times the first cell's


class ReLUConvBN(nn.Sequential):
    """ReLU, convolutions one after the other without bias, batch normalisation."""

    def __init__(self, channels: int, *convolutions: nn.Conv2d) -> None:
        super().__init__(nn.ReLU(), *convolutions, nn.BatchNorm2d(channels))


class FactorizedReduce(nn.Module):
    """Halves height and width by two 1x1 convolutions, the second shifted by one place."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(c_in, c_out // 2, 1, stride=2, bias=False)
        self.second = nn.Conv2d(c_in, c_out - c_out // 2, 1, stride=2, bias=False)
        self.norm = nn.BatchNorm2d(c_out)

    def forward(self, x: Tensor) -> Tensor:
        """Map (images, c_in, h, w) to (images, c_out, ceil(h/2), ceil(w/2))."""
        x = F.relu(x)
        shifted = F.pad(x, (0, 1, 0, 1))[:, :, 1:, 1:]
        result: Tensor = self.norm(torch.cat([self.first(x), self.second(shifted)], dim=1))
        return result


class Zero(nn.Module):
    """Zeros of the shape that the operation would have."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self._stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """Map (images, c, h, w) to (images, c, ceil(h/stride), ceil(w/stride)) zeros."""
        return torch.zeros_like(x[:, :, :: self._stride, :: self._stride])


def _separable(c: int, stride: int, *, kernel: int, dilation: int = 1) -> list[nn.Conv2d]:
    """Return a convolution of each channel and a 1x1 convolution of all."""
    padding = dilation * (kernel - 1) // 2
    return [
        nn.Conv2d(
            c, c, kernel, stride=stride, padding=padding, dilation=dilation, groups=c, bias=False
        ),
        nn.Conv2d(c, c, 1, bias=False),
    ]


def _twice(c: int, stride: int, *, kernel: int, dilation: int = 1) -> nn.Module:
    make = partial(_separable, c, kernel=kernel, dilation=dilation)
    return nn.Sequential(ReLUConvBN(c, *make(stride)), ReLUConvBN(c, *make(1)))


def _once(c: int, stride: int, *, kernel: int) -> nn.Module:
    return ReLUConvBN(c, *_separable(c, stride, kernel=kernel, dilation=2))


def _plain(c: int, stride: int, *, kernel: int) -> nn.Module:
    padding = kernel // 2
    return ReLUConvBN(c, nn.Conv2d(c, c, kernel, stride=stride, padding=padding, bias=False))


def _factored(c: int, stride: int, *, kernel: int) -> nn.Module:
    pad = kernel // 2
    return ReLUConvBN(
        c,
        nn.Conv2d(c, c, (1, kernel), stride=(1, stride), padding=(0, pad), bias=False),
        nn.Conv2d(c, c, (kernel, 1), stride=(stride, 1), padding=(pad, 0), bias=False),
    )


def _max_pool(_c: int, stride: int, *, kernel: int) -> nn.Module:
    return nn.MaxPool2d(kernel, stride=stride, padding=kernel // 2)


_OPERATIONS: dict[str, Callable[[int, int], nn.Module]] = {
    "none": lambda c, stride: Zero(stride),  # noqa: ARG005
    "skip_connect": lambda c, stride: nn.Identity() if stride == 1 else FactorizedReduce(c, c),
    "avg_pool_3x3": lambda c, stride: nn.AvgPool2d(3, stride, 1, count_include_pad=False),  # noqa: ARG005
    "max_pool_3x3": partial(_max_pool, kernel=3),
    "max_pool_5x5": partial(_max_pool, kernel=5),
    "max_pool_7x7": partial(_max_pool, kernel=7),
    "conv_1x1": partial(_plain, kernel=1),
    "conv_3x3": partial(_plain, kernel=3),
    "conv_3x1_1x3": partial(_factored, kernel=3),
    "conv_7x1_1x7": partial(_factored, kernel=7),
    "dil_conv_3x3": partial(_once, kernel=3),
    "dil_conv_5x5": partial(_once, kernel=5),
    "sep_conv_3x3": partial(_twice, kernel=3),
    "sep_conv_5x5": partial(_twice, kernel=5),
    "sep_conv_7x7": partial(_twice, kernel=7),
    "dil_sep_conv_3x3": partial(_twice, kernel=3, dilation=2),
}


class GenotypeCell(nn.Module):
    """A cell of two inputs whose nodes sum two operations each.

    Args:
        pairs: Operation and state of each, two a node.
        concat: States that make the output.
        c_before: Channels of the cell before the last one.
        c_last: Channels of the last cell.
        width: Channels of every state.
        reduces: Whether the cell halves height and width.
        after_reduction: Whether the last cell did.
        drop_prob: How often a path is dropped in training.
    """

    def __init__(
        self,
        pairs: list[tuple[str, int]],
        concat: list[int],
        *,
        c_before: int,
        c_last: int,
        width: int,
        reduces: bool,
        after_reduction: bool,
        drop_prob: float,
    ) -> None:
        super().__init__()
        self.before = (
            FactorizedReduce(c_before, width) if after_reduction else _project(c_before, width)
        )
        self.last = _project(c_last, width)
        self.operations = nn.ModuleList(
            _OPERATIONS[name](width, 2 if reduces and state < 2 else 1) for name, state in pairs
        )
        self._states = [state for _, state in pairs]
        self._concat = concat
        self._drop_prob = drop_prob

    def forward(self, before: Tensor, last: Tensor) -> Tensor:
        """Return the concatenated states, as many times ``width`` channels."""
        states = [self.before(before), self.last(last)]
        for place in range(0, len(self._states), 2):
            first, second = (self._edge(k, states) for k in (place, place + 1))
            states.append(first + second)
        return torch.cat([states[state] for state in self._concat], dim=1)

    def _edge(self, place: int, states: list[Tensor]) -> Tensor:
        operation = self.operations[place]
        result: Tensor = operation(states[self._states[place]])
        if self.training and self._drop_prob > 0 and not isinstance(operation, nn.Identity):
            keep = 1 - self._drop_prob
            result = result * torch.bernoulli(result.new_full((len(result), 1, 1, 1), keep)) / keep
        return result


class CellNetwork(nn.Module):
    """Stem, cells that read the two before them, classifier."""

    def __init__(self, stems: nn.ModuleList, cells: nn.ModuleList, head: nn.Module) -> None:
        super().__init__()
        self.stems, self.cells, self.head = stems, cells, head

    def forward(self, x: Tensor) -> Tensor:
        """Map (images, channels, h, w) to (images, classes)."""
        before = last = self.stems[0](x)
        for stem in self.stems[1:]:
            last = stem(last)
        for cell in self.cells:
            before, last = last, cell(before, last)
        result: Tensor = self.head(last)
        return result


def build(configuration: Mapping[str, Scalar], problem: Problem) -> CellNetwork:
    """Return the network of ``configuration``.

    Raises:
        InvalidConfigurationError: If the configuration is not in the space.
        SpecError: If it has an auxiliary head.
    """
    values = nds.NAS_CELL.validate(configuration)
    if values["aux"]:
        raise SpecError("auxiliary heads are not built; give aux=False")
    genotype = to_genotype(values)
    depth, width = int(values["depth"]), int(values["width"])
    stems, channels = _stems(str(values["stem"]), problem.channels, width)
    after_reduction = values["stem"] == "imagenet"
    c_before = c_last = channels
    cells = []
    for place in range(depth):
        reduces = place in (depth // 3, 2 * depth // 3)
        width *= 2 if reduces else 1
        kind = "reduce" if reduces else "normal"
        concat = genotype[f"{kind}_concat"]
        cells.append(
            GenotypeCell(
                genotype[kind],
                concat,
                c_before=c_before,
                c_last=c_last,
                width=width,
                reduces=reduces,
                after_reduction=after_reduction,
                drop_prob=float(values["drop_prob"]),
            )
        )
        after_reduction = reduces
        c_before, c_last = c_last, len(concat) * width
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c_last, problem.outputs))
    return CellNetwork(stems, nn.ModuleList(cells), head)


def _stems(stem: str, in_channels: int, width: int) -> tuple[nn.ModuleList, int]:
    """Return the stems and the channels that come out of them."""
    if stem == "cifar":
        channels = _STEM_WIDTH * width
        return nn.ModuleList([_shrink(in_channels, channels, stride=1)]), channels
    first = nn.Sequential(
        _shrink(in_channels, width // 2, stride=2), nn.ReLU(), _shrink(width // 2, width, stride=2)
    )
    second = nn.Sequential(nn.ReLU(), _shrink(width, width, stride=2))
    return nn.ModuleList([first, second]), width


def _shrink(c_in: int, c_out: int, *, stride: int) -> nn.Sequential:
    convolution = nn.Conv2d(c_in, c_out, 3, stride=stride, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(c_out))


def _project(c_in: int, c_out: int) -> nn.Module:
    return ReLUConvBN(c_out, nn.Conv2d(c_in, c_out, 1, bias=False))
