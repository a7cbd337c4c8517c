"""A deep residual network for sequences, the expert of ECG.

Source: Hong et al., HOLMES (KDD 2020); hsd1503/resnet1d, ``resnet1d.py`` and
``test_physionet.py``, whose 48 blocks halve the length after every sixth and double the channels
after every twelfth; of other depths, after each eighth and each quarter.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor, nn

from nepsbench.spaces.experts import RESNET1D
from nepsbench.spaces.networks.layers import entrance
from nepsbench.spaces.parameters import Scalar
from nepsbench.spaces.problem import Problem

_WIDTH, _GROUP, _KERNEL = 128, 4, 16


class CoveringConv1d(nn.Conv1d):
    """A convolution padded so that its output is as long as the input, divided by its stride."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (sequences, c_in, length) to (sequences, c_out, length/stride), rounded up."""
        length, stride = x.shape[-1], self.stride[0]
        missing = max(0, (-(-length // stride) - 1) * stride + self.kernel_size[0] - length)
        return super().forward(F.pad(x, (missing // 2, missing - missing // 2)))


class GroupedBlock(nn.Module):
    """Two grouped convolutions, beside the input, which is pooled and given channels of zeros.

    As published, the first block of a network has neither normalisation nor ReLU before its first
    convolution: the network's own stand there.
    """

    def __init__(self, c_in: int, c_out: int, *, stride: int, dropout: float, first: bool) -> None:
        super().__init__()
        self._stride, self._more = stride, c_out - c_in
        entry = [] if first else [nn.BatchNorm1d(c_in), nn.ReLU(), nn.Dropout(dropout)]
        self.layers = nn.Sequential(
            *entry,
            CoveringConv1d(c_in, c_out, _KERNEL, stride=stride, groups=c_in // _GROUP),
            nn.BatchNorm1d(c_out),
            nn.ReLU(),
            nn.Dropout(dropout),
            CoveringConv1d(c_out, c_out, _KERNEL, groups=c_in // _GROUP),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (sequences, c_in, length) to (sequences, c_out, length/stride), rounded up."""
        beside = x if self._stride == 1 else F.max_pool1d(x, self._stride, ceil_mode=True)
        beside = F.pad(beside, (0, 0, self._more // 2, self._more - self._more // 2))
        result: Tensor = beside + self.layers(x)
        return result


def build(configuration: Mapping[str, Scalar], problem: Problem) -> nn.Sequential:
    """Return the network of ``configuration``.

    Raises:
        InvalidConfigurationError: If the configuration is not in the space.
    """
    valid = RESNET1D.validate(configuration)
    depth, dropout = int(valid["Depth"]), float(valid["Dropout"])
    halving, doubling = max(1, depth // 8), max(1, depth // 4)
    width = round(_WIDTH * float(valid["Width"]))
    network: list[nn.Module] = [
        *entrance(problem),
        CoveringConv1d(problem.channels, width, _KERNEL),
        nn.BatchNorm1d(width),
        nn.ReLU(),
    ]
    for block in range(depth):
        wider = width * 2 if block and block % doubling == 0 else width
        stride = 2 if block % halving == halving - 1 else 1
        network.append(GroupedBlock(width, wider, stride=stride, dropout=dropout, first=block == 0))
        width = wider
    return nn.Sequential(
        *network,
        nn.BatchNorm1d(width),
        nn.ReLU(),
        nn.AdaptiveAvgPool1d(1),
        nn.Flatten(),
        nn.Dropout(dropout),
        nn.Linear(width, problem.outputs),
    )
