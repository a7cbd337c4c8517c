"""``oneshot_densenas``: DenseNAS, blocks that are densely connected, and its random baseline.

Each block sums what it gets from all blocks that may lead to it, by weights of those that it comes
from; behind it, residual blocks are computed or skipped. The chain that is found is the heaviest
path. Unlike DenseNAS, the loss has no term of expected cost.
Source: Fang et al., DenseNAS (CVPR 2020), sections 3.2 to 3.4; NAS-Bench-360, ``densenas``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from nepsbench.search.oneshot.methods import set_gradients
from nepsbench.spaces import densenas
from nepsbench.spaces.densenas import BASES, Block
from nepsbench.spaces.networks.densenas import ResidualBlock, scaled, stem
from nepsbench.spaces.networks.layers import layers_for
from nepsbench.spaces.networks.searching import (
    FoundArchitecture,
    Judge,
    Lesson,
    Searching,
    own_generator,
)
from nepsbench.spaces.oneshot import DENSENAS
from nepsbench.spaces.parameters import Scalar
from nepsbench.spaces.problem import Problem

#: What a softmax starts from.
_START = 1e-3
#: The end of all chains, as a block's number.
_END = -1


class ChainLogits(nn.Module):
    """What is learnt: where chains lead on, and which residual blocks they keep.

    Attributes:
        leads: For the stem and each block, logits of what may follow; the end is the last one.
        keeps: For each block, logits of keeping and of skipping each of its residual blocks.
    """

    def __init__(self, blocks: Sequence[Block], depths: Sequence[int], random: torch.Generator):
        super().__init__()
        self._blocks = blocks
        self.leads = nn.ParameterList(
            _START * torch.randn(len(self.following(block)), generator=random)
            for block in range(len(blocks) + 1)
        )
        self.keeps = nn.ParameterList(
            _START * torch.randn(depth, 2, generator=random) for depth in depths
        )

    def following(self, block: int) -> list[int]:
        """Return the numbers of what may follow a block, the end as -1; 0 is the stem."""
        numbers = range(1, len(self._blocks) + 1)
        found = [other for other in numbers if densenas.follows(self._blocks, block, other)]
        return [*found, _END] if block and densenas.ends(self._blocks, block) else found

    def chain(self) -> list[tuple[int, int]]:
        """Return number and depth of the blocks of the heaviest path."""
        best: dict[int, tuple[float, list[int]]] = {_END: (0.0, [])}
        for block in reversed(range(len(self._blocks) + 1)):
            logs = self.leads[block].detach().log_softmax(0).tolist()
            ways = [
                (log + best[other][0], [block, *best[other][1]])
                for log, other in zip(logs, self.following(block), strict=True)
                if other in best
            ]
            best[block] = max(ways, key=lambda way: way[0]) if ways else (-math.inf, [block])
        return [
            (block, int((self.keeps[block - 1][:, 0] >= self.keeps[block - 1][:, 1]).sum()))
            for block in best[0][1]
            if block
        ]


class DenseSearch(Searching):
    """All blocks and all ways between them, with their weights.

    Args:
        problem: What it maps to what.
        factor: Share of the published widths.
        depth: Most residual blocks behind a block's first.
        learns: Whether anything is learnt of the ways; else a random chain is found.
        random: For what it starts from.
    """

    def __init__(
        self, problem: Problem, *, factor: float, depth: int, learns: bool, random: torch.Generator
    ) -> None:
        super().__init__()
        blocks, layers = densenas.blocks_for(problem), layers_for(problem)
        base = scaled(BASES[len(blocks)], factor)
        widths = [base, *(scaled(block.width, factor) for block in blocks)]
        halvings = [0, *(block.halvings for block in blocks)]
        depths = [min(depth, block.depth) for block in blocks]
        self._learns, self._count = learns, len(blocks)
        self.stem = nn.Sequential(*stem(problem, base))
        self.logits = ChainLogits(blocks, depths, random)
        self.heads = nn.ModuleDict()
        for before in range(len(blocks) + 1):
            for after in self.logits.following(before):
                if after != _END:
                    self.heads[f"{before}_{after}"] = ResidualBlock(
                        widths[before],
                        widths[after],
                        stride=1 << (halvings[after] - halvings[before]),
                        layers=layers,
                        affine=False,
                    )
        self.stacks = nn.ModuleList(
            nn.ModuleList(
                ResidualBlock(width, width, stride=1, layers=layers, affine=False)
                for _ in range(deep)
            )
            for width, deep in zip(widths[1:], depths, strict=True)
        )
        last = widths[-1]
        self.ends = nn.ModuleDict(
            {
                str(block): nn.Sequential(
                    layers.convolution(widths[block], last, 1, bias=False),
                    layers.norm(last, affine=False),
                    nn.ReLU(),
                )
                for block in range(1, len(blocks) + 1)
                if densenas.ends(blocks, block)
            }
        )
        self.head = nn.Sequential(*layers.head(last, problem.outputs, dense=problem.dense))
        self._kept: list[list[bool]] | None = None

    def architecture(self) -> list[nn.Parameter]:
        """Return the logits of ways and of residual blocks; nothing of the random baseline."""
        return [*self.logits.parameters()] if self._learns else []

    def weights(self) -> list[nn.Parameter]:
        """Return all parameters but the logits, which training data never moves."""
        learnt = {id(parameter) for parameter in self.logits.parameters()}
        return [weight for weight in self.parameters() if id(weight) not in learnt]

    def draw(self, progress: float, random: torch.Generator) -> None:
        """Draw which residual blocks the next steps compute; ways are mixed always."""
        del progress
        self._kept = [
            (torch.rand(len(keep), generator=random) < keep.detach().softmax(1)[:, 0]).tolist()
            for keep in self.logits.keeps
        ]

    def learn(self, lesson: Lesson) -> None:
        """Set the gradients of the logits by the validation loss of the whole mixture."""
        inputs, targets = lesson.valid
        loss = lesson.loss(self._mixed(inputs, live=True), targets)
        set_gradients(self.architecture(), loss)

    def forward(self, inputs: Tensor) -> Tensor:
        """Map inputs to outputs: in training by what was drawn, in evaluation by the mixture."""
        return self._mixed(inputs, live=False, kept=self._kept if self.training else None)

    def found(self, judge: Judge, random: torch.Generator) -> FoundArchitecture:
        """Return the chain of the heaviest path; of the random baseline, that of random logits."""
        del judge
        if not self._learns:
            with torch.no_grad():
                for logits in self.logits.parameters():
                    logits.copy_(torch.randn(logits.shape, generator=random))
        return FoundArchitecture(densenas.SPACE.name, densenas.from_chain(self.logits.chain()))

    def _mixed(self, inputs: Tensor, *, live: bool, kept: list[list[bool]] | None = None) -> Tensor:
        """Return the outputs of the mixture, through whose weights gradients flow if ``live``."""

        def share(logits: Tensor) -> Tensor:
            return (logits if live else logits.detach()).softmax(-1)

        arriving: dict[int, list[Tensor]] = {}
        value = self.stem(inputs)
        for block in range(self._count + 1):
            if block:
                value = torch.stack(arriving.pop(block)).sum(0)
                for k, module in enumerate(self.stacks[block - 1].children()):
                    if kept is not None:
                        value = module(value) if kept[block - 1][k] else value
                    else:
                        keep, skip = share(self.logits.keeps[block - 1])[k]
                        value = keep * module(value) + skip * value
            weights = share(self.logits.leads[block])
            for weight, other in zip(weights, self.logits.following(block), strict=True):
                way = self.ends[str(block)] if other == _END else self.heads[f"{block}_{other}"]
                arriving.setdefault(other, []).append(weight * way(value))
        found: Tensor = self.head(torch.stack(arriving[_END]).sum(0))
        return found


def build(configuration: Mapping[str, Scalar], problem: Problem) -> DenseSearch:
    """Return the network that ``configuration`` searches.

    Raises:
        InvalidConfigurationError: If the configuration is not in the space.
    """
    values = DENSENAS.validate(configuration)
    return DenseSearch(
        problem,
        factor=float(values["Width"]),
        depth=int(values["Depth"]),
        learns=values["Method"] == "densenas",
        random=own_generator(),
    )
