"""The network of space ``nasbench101``: three stacks of three cells, the width doubled between.

Convolutions have no bias and are followed by batch normalisation and ReLU. TensorFlow's momentum of
0.997 is PyTorch's 0.003. Source: Ying et al., NAS-Bench-101 (ICML 2019), section 2 and appendix;
google-research/nasbench, ``lib/model_builder.py``.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from nepsbench.spaces.nasbench101 import graph_of
from nepsbench.spaces.nasbench101_graph import Graph
from nepsbench.spaces.networks.parts import put_together, taken_apart
from nepsbench.spaces.parameters import Scalar
from nepsbench.spaces.problem import Problem

_WIDTH = 128
_STACKS, _CELLS = 3, 3
_KERNELS = {"conv3x3-bn-relu": 3, "conv1x1-bn-relu": 1}


class ConvBNReLU(nn.Sequential):
    """Convolution, batch normalisation, ReLU."""

    def __init__(self, c_in: int, c_out: int, *, kernel: int) -> None:
        super().__init__(
            nn.Conv2d(c_in, c_out, kernel, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(c_out, eps=1e-5, momentum=0.003),
            nn.ReLU(inplace=True),  # batch normalisation does not need what it gave
        )


class GraphCell(nn.Module):
    """A cell with operations on its vertices.

    What comes from the cell's input is projected to the vertex's channels; what comes from another
    vertex is cut to them; both are summed. The output is the concatenation of its vertices, plus
    the projected input where an edge leads there directly. All projections are one convolution,
    which reads the input once; each vertex has its channels of it.
    """

    def __init__(self, graph: Graph, c_in: int, c_out: int) -> None:
        super().__init__()
        self._last = graph.vertices - 1
        self._sources = [
            [i for i, j in graph.edges if j == vertex] for vertex in range(graph.vertices)
        ]
        self._channels = vertex_channels(graph, c_in, c_out)
        self._projected = [v for v in range(1, graph.vertices) if 0 in self._sources[v]]
        self.projection = ConvBNReLU(c_in, sum(self.projected_channels), kernel=1)
        self.operations = nn.ModuleList(
            _operation(name, self._channels[vertex])
            for vertex, name in enumerate(graph.operations, start=1)
        )

    @property
    def projected_channels(self) -> list[int]:
        """Channels of each vertex that the input is projected to, in the projection's order."""
        return [self._channels[vertex] for vertex in self._projected]

    def forward(self, x: Tensor) -> Tensor:
        """Map (images, c_in, h, w) to (images, c_out, h, w)."""
        parts = taken_apart(self.projection(x), self.projected_channels)
        projected = dict(zip(self._projected, parts, strict=True))
        values = [x]
        for vertex, operation in enumerate(self.operations, start=1):
            channels = self._channels[vertex]
            arriving = [values[i][:, :channels] for i in self._sources[vertex] if i]
            if vertex in projected:
                arriving.append(projected[vertex])
            values.append(operation(sum(arriving[1:], start=arriving[0])))
        inner = [values[i] for i in self._sources[self._last] if i]
        if not inner:
            return projected[self._last]
        output = put_together(inner)
        return output + projected[self._last] if self._last in projected else output


def vertex_channels(graph: Graph, c_in: int, c_out: int) -> list[int]:
    """Return the channels of each vertex of a pruned graph.

    Those that the output concatenates share its channels; the first ones get what is left over.
    Every other one has as many as the widest vertex that it leads to.
    """
    last = graph.vertices - 1
    channels = [0] * graph.vertices
    channels[0], channels[last] = c_in, c_out
    shared = [i for i, j in graph.edges if j == last and i]
    for place, vertex in enumerate(shared):
        channels[vertex] = c_out // len(shared) + (place < c_out % len(shared))
    for vertex in reversed(range(1, last)):
        if vertex not in shared:
            channels[vertex] = max(channels[j] for i, j in graph.edges if i == vertex)
    return channels


def build(configuration: Mapping[str, Scalar], problem: Problem) -> nn.Sequential:
    """Return the network of ``configuration``.

    Raises:
        InvalidConfigurationError: If the configuration is not in the space.
    """
    graph, width = graph_of(configuration), _WIDTH
    layers: list[nn.Module] = [ConvBNReLU(problem.channels, width, kernel=3)]
    before = width
    for stack in range(_STACKS):
        if stack > 0:
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
            width *= 2
        for _ in range(_CELLS):
            layers.append(GraphCell(graph, before, width))
            before = width
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, problem.outputs)]
    return nn.Sequential(*layers)


def _operation(name: str, channels: int) -> nn.Module:
    if name in _KERNELS:
        return ConvBNReLU(channels, channels, kernel=_KERNELS[name])
    return nn.MaxPool2d(3, stride=1, padding=1)
