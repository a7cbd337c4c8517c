"""The edges of a cell in search, and what is found of them: what GAEA and Auto-DeepLab share."""

from __future__ import annotations

from torch import Tensor

from nepsbench.spaces.pairs import INPUTS, OPERATIONS

#: Operations of an edge in search: it may carry nothing, too.
MIXED = ("none", *OPERATIONS)

#: Node and state of each edge.
Edges = tuple[tuple[int, int], ...]


def edges_of(nodes: int) -> Edges:
    """Return each node's edges, one from every state before it: 2, 3, 4 and so on."""
    return tuple((node, state) for node in range(nodes) for state in range(INPUTS + node))


def heaviest_pairs(weights: Tensor, edges: Edges) -> list[tuple[str, int]]:
    """Return the two heaviest edges of each node, each with its heaviest operation.

    Args:
        weights: Shape (edges, operations); the first operation, to carry nothing, does not count.
        edges: As :func:`edges_of` gives them.
    """
    best, kinds = weights[:, 1:].max(dim=1)
    found = []
    for node in dict.fromkeys(node for node, _ in edges):
        arriving = [k for k, (target, _) in enumerate(edges) if target == node]
        heaviest = sorted(arriving, key=lambda k: -float(best[k]))[:2]
        found += [(OPERATIONS[int(kinds[k])], edges[k][1]) for k in heaviest]
    return found
