"""The networks of NDS's cell family: DARTS's, with normal and reduction cells of any proposer.

Numbers of parameters, and FLOPs, are the published ones for small images; the stem for ImageNet is
DARTS's and could not be compared with published numbers. Auxiliary heads are not built.
Source: Liu et al., DARTS (ICLR 2019); facebookresearch/pycls, ``models/nas``.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from nepsbench.errors import SpecError
from nepsbench.spaces import nds
from nepsbench.spaces.nds_notation import to_genotype
from nepsbench.spaces.networks.genotype_cell import CellNetwork, GenotypeCell
from nepsbench.spaces.networks.layers import PLANE
from nepsbench.spaces.parameters import Scalar
from nepsbench.spaces.problem import Problem

_STEM_WIDTH = 3  # times the first cell's


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
    head = nn.Sequential(*PLANE.pooled_head(c_last, problem.outputs))
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
