"""The network that holds every cell of NAS-Bench-201.

Batch normalisation uses the batch's own statistics, always: averages over mixtures that come and go
would be of no network at all. On the edges it learns no scale, as published for these searches
(Dong and Yang, NAS-Bench-201, ICLR 2020, section 4).
"""

from __future__ import annotations

from torch import Tensor, nn

from nepsbench.search.oneshot.mixture import EDGES, OPERATIONS, Mixture
from nepsbench.spaces.networks.pooling import AveragePool
from nepsbench.spaces.networks.skeleton import network_of_cells
from nepsbench.spaces.problem import Problem

_OUTPUT = 3


class Chosen:
    """The mixture that all cells compute now."""

    mixture: Mixture


class MixedCell(nn.Module):
    """A cell whose edges compute a mixture.

    Args:
        width: Channels of every node.
        chosen: Tells the mixture.
    """

    def __init__(self, width: int, chosen: Chosen) -> None:
        super().__init__()
        self.operations = nn.ModuleList(
            nn.ModuleList(_operation(name, width) for name in OPERATIONS) for _ in EDGES
        )
        self._chosen = chosen

    def forward(self, x: Tensor) -> Tensor:
        """Map (images, width, height, width of a map) to the same shape."""
        nodes: list[Tensor | None] = [x, None, None, None]
        for target in range(1, _OUTPUT + 1):
            arriving = [
                part
                for edge, (source, end) in enumerate(EDGES)
                if end == target and (node := nodes[source]) is not None
                for part in self._parts(edge, node)
            ]
            nodes[target] = _sum(arriving)
        output = nodes[_OUTPUT]
        return x.new_zeros(x.shape) if output is None else output

    def _parts(self, edge: int, node: Tensor) -> list[Tensor]:
        """Return what an edge's operations carry; ``none`` carries nothing."""
        mixture, operations = self._chosen.mixture, self.operations[edge]
        assert isinstance(operations, nn.ModuleList)
        return [
            mixture.weights[edge, kind] * operations[kind](node)
            for kind in mixture.active[edge]
            if OPERATIONS[kind] != "none"
        ]


class Supernet(nn.Module):
    """Stem, mixed cells in three stages, classifier.

    Args:
        problem: What it maps to what.
        width: Channels of the first stage.
        depth: Cells in a stage.
    """

    def __init__(self, problem: Problem, *, width: int, depth: int) -> None:
        super().__init__()
        self._chosen = Chosen()
        self.layers = network_of_cells(
            lambda channels: MixedCell(channels, self._chosen),
            depth=depth,
            width=width,
            in_channels=problem.channels,
            classes=problem.outputs,
            dense=problem.dense,
        )
        _keep_no_averages(self.layers)

    def forward(self, inputs: Tensor, mixture: Mixture) -> Tensor:
        """Return the outputs of the network that a mixture makes."""
        self._chosen.mixture = mixture
        found: Tensor = self.layers(inputs)
        return found


def _sum(parts: list[Tensor]) -> Tensor | None:
    if not parts:
        return None
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _operation(name: str, width: int) -> nn.Module:
    if name in ("none", "skip_connect"):
        return nn.Identity()
    if name == "avg_pool_3x3":
        return AveragePool(count_include_pad=False)
    kernel = {"nor_conv_3x3": 3, "nor_conv_1x1": 1}[name]
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(width, width, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(width, affine=False, track_running_stats=False),
    )


def _keep_no_averages(network: nn.Module) -> None:
    """Put batch normalisation that keeps no averages in the place of such as does."""
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.BatchNorm2d) and child.track_running_stats:
                setattr(module, name, nn.BatchNorm2d(child.num_features, track_running_stats=False))
