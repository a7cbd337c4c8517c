"""The networks of space ``darts``: for images and sequences, and for maps.

Where there is an output for each place nothing is reduced: all cells are normal ones, of one width,
as in NAS-Bench-360's ``darts/gaea-grid``. There is no auxiliary head, and the share of dropped
paths does not grow with the epochs, both unlike DARTS.
Source: Liu et al., DARTS (ICLR 2019); rtu715/NAS-Bench-360, ``darts`` and ``darts_1d``.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from nepsbench.spaces.darts import NODES, SPACE, pairs_of
from nepsbench.spaces.networks.genotype_cell import CellNetwork, GenotypeCell
from nepsbench.spaces.networks.layers import entrance, layers_for
from nepsbench.spaces.pairs import INPUTS
from nepsbench.spaces.parameters import Scalar
from nepsbench.spaces.problem import Problem

STEM_WIDTH = 3  # times the first cell's
CONCAT = list(range(INPUTS, INPUTS + NODES))


def build(configuration: Mapping[str, Scalar], problem: Problem) -> CellNetwork:
    """Return the network of ``configuration``.

    Raises:
        InvalidConfigurationError: If the configuration is not in the space.
    """
    values = SPACE.validate(configuration)
    depth, width = int(values["Depth"]), int(values["Width"])
    layers = layers_for(problem)
    channels = STEM_WIDTH * width
    stem = nn.Sequential(
        *entrance(problem),
        layers.convolution(problem.channels, channels, 3, padding=1, bias=False),
        layers.norm(channels),
    )
    cells, c_before, c_last, after = [], channels, channels, False
    for place in range(depth):
        reduces = place in reductions(depth, problem)
        width *= 2 if reduces else 1
        cells.append(
            GenotypeCell(
                pairs_of(values, "reduce" if reduces else "normal"),
                CONCAT,
                c_before=c_before,
                c_last=c_last,
                width=width,
                reduces=reduces,
                after_reduction=after,
                drop_prob=float(values["DropPath"]),
                layers=layers,
            )
        )
        after, c_before, c_last = reduces, c_last, NODES * width
    head = nn.Sequential(*layers.head(c_last, problem.outputs, dense=problem.dense))
    return CellNetwork(nn.ModuleList([stem]), nn.ModuleList(cells), head)


def reductions(depth: int, problem: Problem) -> tuple[int, ...]:
    """Return which cells reduce."""
    return () if problem.dense else (depth // 3, 2 * depth // 3)
