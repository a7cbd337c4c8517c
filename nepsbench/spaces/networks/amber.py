"""The networks of space ``amber``, and the layers that its searches share.

A layer sums what it reads, each brought to its channels and its length, and applies its operation.
Behind three of the layers the channels double and the length halves. Unlike AMBER's own, which
flattens into a dense layer of 925 units, the network ends in the mean over all places.
Source: Zhang et al., AMBER (2021), methods; NAS-Bench-360, ``AMBER/examples/amber_ecg.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from nepsbench.spaces.amber import EXPANDS, LAYERS, OPERATIONS, SPACE, parts_of
from nepsbench.spaces.networks.layers import SEQUENCE, entrance
from nepsbench.spaces.networks.nasbench360_backbone import SameConv1d
from nepsbench.spaces.parameters import Scalar
from nepsbench.spaces.problem import Problem

_STEM_KERNEL = 8


class LayeredNetwork(nn.Module):
    """Layers with some operations and some connections each; which are used is told with inputs.

    Args:
        problem: What it maps to what.
        width: Channels of the first layers.
        operations: Names of the operations that each layer has.
        sources: Earlier layers that each may read.
    """

    def __init__(
        self,
        problem: Problem,
        *,
        width: int,
        operations: Sequence[Sequence[str]],
        sources: Sequence[Sequence[int]],
    ) -> None:
        super().__init__()
        widths = [width << sum(end < k for end in EXPANDS) for k in range(LAYERS)]
        stages = [sum(end < k for end in EXPANDS) for k in range(LAYERS)]
        self.stem = nn.Sequential(
            *entrance(problem),
            SameConv1d(problem.channels, width, _STEM_KERNEL, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(),
        )
        self.operations = nn.ModuleList(
            nn.ModuleDict({name: _operation(name, widths[k]) for name in operations[k]})
            for k in range(LAYERS)
        )
        self.readers = nn.ModuleList(
            nn.ModuleDict(
                {
                    str(source): _Reader(widths[source], widths[k], stages[k] - stages[source])
                    for source in (*([k - 1] if k else []), *sources[k])
                }
            )
            for k in range(LAYERS)
        )
        self.head = nn.Sequential(*SEQUENCE.pooled_head(widths[-1], problem.outputs))

    def computed(
        self, inputs: Tensor, operations: Sequence[str], sources: Sequence[Sequence[int]]
    ) -> Tensor:
        """Return the outputs by one operation a layer and these connections."""
        values: list[Tensor] = []
        for k, name in enumerate(operations):
            if k == 0:
                total = self.stem(inputs)
            else:
                readers = self.readers[k]
                total = readers[str(k - 1)](values[k - 1])  # type: ignore[index]
                for source in sources[k]:
                    total = total + readers[str(source)](values[source])  # type: ignore[index]
            values.append(self.operations[k][name](total))  # type: ignore[index]
        found: Tensor = self.head(values[-1])
        return found


class AmberNetwork(LayeredNetwork):
    """The network of one configuration."""

    def __init__(self, configuration: Mapping[str, Scalar], problem: Problem) -> None:
        self._names, self._sources = parts_of(configuration)
        super().__init__(
            problem,
            width=int(configuration["Width"]),
            operations=[[name] for name in self._names],
            sources=self._sources,
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (sequences, channels, length) to (sequences, outputs)."""
        return self.computed(inputs, self._names, self._sources)


class _Reader(nn.Module):
    """Brings a layer's output to the channels and the length of a later one."""

    def __init__(self, c_in: int, c_out: int, halvings: int) -> None:
        super().__init__()
        self.change = (
            nn.Sequential(
                nn.AvgPool1d(1 << halvings, ceil_mode=True),
                nn.Conv1d(c_in, c_out, 1, bias=False),
                nn.BatchNorm1d(c_out),
            )
            if halvings
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (sequences, c_in, length) to (sequences, c_out, length halved so many times)."""
        found: Tensor = self.change(x)
        return found


def build(configuration: Mapping[str, Scalar], problem: Problem) -> AmberNetwork:
    """Return the network of ``configuration``.

    Raises:
        InvalidConfigurationError: If the configuration is not in the space.
    """
    return AmberNetwork(SPACE.validate(configuration), problem)


def all_operations() -> list[Sequence[str]]:
    """Return the operations that each layer may have."""
    return [OPERATIONS] * LAYERS


def _operation(name: str, width: int) -> nn.Module:
    if name == "identity":
        return nn.Identity()
    size, *dilation = (int(part) for part in name.split("_") if part.isdigit())
    if name.startswith("conv"):
        return nn.Sequential(
            SameConv1d(width, width, size, dilation=dilation[0] if dilation else 1, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(),
        )
    pool = nn.MaxPool1d if name.startswith("max") else nn.AvgPool1d
    return nn.Sequential(
        nn.Conv1d(width, width, 1, bias=False),
        nn.BatchNorm1d(width),
        nn.ReLU(),
        nn.ConstantPad1d((size // 2 - 1, size // 2), 0.0),
        pool(size, stride=1),
    )
