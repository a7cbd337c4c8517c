"""``densenas``: chains of residual blocks, as DenseNAS finds them: which blocks, and how deep.

Block k has its own width and, in the network, its own place in the order of resolutions; a chain
skips blocks. Where there is an output for each place, and for sequences, there are fewer blocks.
Source: Fang et al., Densely Connected Search Space for More Flexible Neural Architecture Search
(CVPR 2020), its ResNet-based space; NAS-Bench-360, ``densenas`` and ``densenas_1d``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nepsbench.spaces.parameters import Categorical, Scalar
from nepsbench.spaces.problem import Problem
from nepsbench.spaces.space import Configuration, Space

#: A block that the chain does not have.
ABSENT = -1


@dataclass(frozen=True)
class Block:
    """A place in a chain.

    Attributes:
        width: Its channels.
        halvings: How often each axis of places was halved up to it.
        stage: Chains lead to blocks of the same stage or the next.
        depth: Most residual blocks behind its first.
    """

    width: int
    halvings: int
    stage: int
    depth: int


def _blocks(
    widths: Sequence[int], halvings: Sequence[int], stages: Sequence[int], depths: Sequence[int]
) -> tuple[Block, ...]:
    return tuple(Block(*each) for each in zip(widths, halvings, stages, depths, strict=True))


#: Of images: of 32x32, the published list for CIFAR-100, whose first block halves, too.
_WIDTHS = (48, 56, 64, 72, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240, 256, 272, 288, 480, 496,
           512)  # fmt: skip
_HALVINGS = (1,) * 3 + (2,) * 3 + (3,) * 14
_STAGES = (1,) * 3 + (2,) * 3 + (3,) * 4 + (4,) * 3 + (5,) * 4 + (6,) * 3
_DEPTHS = (0,) * 3 + (5,) * 3 + (15,) * 4 + (5,) * 7 + (1,) * 3
IMAGES = _blocks(_WIDTHS, _HALVINGS, _STAGES, _DEPTHS)
SEQUENCES = _blocks(_WIDTHS[:13], _HALVINGS[:13], _STAGES[:13], _DEPTHS[:13])
MAPS = _blocks((24, 28, 32, 36, 48, 56), (0,) * 6, (1,) * 3 + (2,) * 3, (1,) * 3 + (5,) * 3)

#: Channels before the first block, where the widths above hold.
BASES = {len(IMAGES): 32, len(SEQUENCES): 32, len(MAPS): 16}
_MOST = 15

SPACE = Space(
    name="densenas",
    version=1,
    parameters=(
        *(
            Categorical(f"block_{k}", tuple(range(ABSENT, _MOST + 1)), 0 if k < 4 else ABSENT)
            for k in range(1, len(IMAGES) + 1)
        ),
        Categorical("Width", (0.125, 0.25, 0.5, 1.0), 1.0),
    ),
    fidelities=("Width",),
)

#: Parameters that make the architecture: all.
ARCHITECTURE = SPACE.names


def architecture(configuration: Mapping[str, Scalar]) -> str:
    """Return the canonical text of an architecture."""
    blocks = ",".join(str(configuration[f"block_{k}"]) for k in range(1, len(IMAGES) + 1))
    return f"densenas:{configuration['Width']}:{blocks}"


def blocks_for(problem: Problem) -> tuple[Block, ...]:
    """Return the blocks of the networks for a problem."""
    if problem.dense:
        return MAPS
    return SEQUENCES if problem.is_sequence else IMAGES


def follows(blocks: Sequence[Block], before: int, after: int) -> bool:
    """Return whether block ``after`` may follow ``before``; numbers from 1, 0 is the stem."""
    if before == 0:
        return blocks[after - 1].stage == 1
    first, second = blocks[before - 1], blocks[after - 1]
    near = second.stage - first.stage <= 1 and second.halvings - first.halvings <= 1
    return before < after <= before + 10 and near


def ends(blocks: Sequence[Block], block: int) -> bool:
    """Return whether a chain may end with a block: one of the last stage."""
    return blocks[block - 1].stage == blocks[-1].stage


def chain_of(configuration: Mapping[str, Scalar], blocks: Sequence[Block]) -> list[tuple[int, int]]:
    """Return number and depth of each block of a chain; blocks that there are not have no say."""
    depths = [(k, int(configuration[f"block_{k}"])) for k in range(1, len(blocks) + 1)]
    return [(k, depth) for k, depth in depths if depth != ABSENT]


def from_chain(chain: Sequence[tuple[int, int]], **others: Scalar) -> Configuration:
    """Return the configuration of a chain; see :func:`chain_of`.

    Raises:
        InvalidConfigurationError: If there is no such chain.
    """
    absent = {f"block_{k}": ABSENT for k in range(1, len(IMAGES) + 1)}
    there = {f"block_{k}": depth for k, depth in chain}
    return SPACE.validate({**SPACE.defaults, **absent, **there, **others})
