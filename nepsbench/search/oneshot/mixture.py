"""What a supernet computes on the edges of its cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from nepsbench.spaces.cells import JAHS_EDGES, NATS_OPERATIONS, Cell

#: Rows and columns of a mixture.
EDGES, OPERATIONS = JAHS_EDGES, NATS_OPERATIONS
SHAPE = (len(EDGES), len(OPERATIONS))


@dataclass(frozen=True)
class Mixture:
    """Weights of the operations of each edge.

    Attributes:
        weights: Shape (6, 5): edges in the stored order, operations by NAS-Bench-201's number. Each
            row is on the simplex.
        active: Which operations are computed on each edge; the others' weights are zero.
    """

    weights: Tensor
    active: tuple[tuple[int, ...], ...]


def soft(weights: Tensor) -> Mixture:
    """Return the mixture in which all operations are computed."""
    return Mixture(weights, (tuple(range(len(OPERATIONS))),) * len(EDGES))


def hard(choices: Sequence[int], weights: Tensor | None = None) -> Mixture:
    """Return the mixture of one operation an edge.

    Args:
        choices: The operation of each edge.
        weights: One-hot rows through which gradients flow; plain ones without.
    """
    if weights is None:
        weights = F.one_hot(torch.tensor(choices), len(OPERATIONS)).float()
    return Mixture(weights, tuple((int(choice),) for choice in choices))


def cell_of(choices: Sequence[int]) -> Cell:
    """Return the cell of one operation an edge."""
    a, b, c, d, e, f = (OPERATIONS[int(choice)] for choice in choices)
    return a, b, c, d, e, f


def choices_of(cell: Cell) -> list[int]:
    """Return the operation of each edge of a cell."""
    return [OPERATIONS.index(name) for name in cell]
