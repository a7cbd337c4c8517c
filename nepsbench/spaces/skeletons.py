"""Macro skeletons: the stages around the cells, as graphs to be drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nepsbench.spaces.drawing import Graph
from nepsbench.spaces.parameters import Scalar

#: NAS-Bench-201's published network: channels of its first stage, cells of each.
_WIDTH, _DEPTH = 16, 5
#: NAS-Bench-101's.
_WIDTH_101, _DEPTH_101 = 128, 3


def skeleton_of(space: str, configuration: Mapping[str, Scalar]) -> Graph | None:
    """Return the stages of a configuration's network on images; None of a space without such.

    Args:
        space: Name of the space.
        configuration: Of it.
    """
    if space == "nepsbench101":
        return _doubling(int(configuration["W"]), int(configuration["N"]), "residual, 1/2")
    if space in ("nasbench201", "nashpobench2"):
        return _doubling(_WIDTH, _DEPTH, "residual, 1/2")
    if space == "nasbench101":
        return _doubling(_WIDTH_101, _DEPTH_101, "max pool, 1/2")
    if space == "nats_size":
        from nepsbench.spaces.nats_size import channels_of

        widths = channels_of(configuration)
        layers = (
            f"residual {width}, 1/2" if place % 2 else f"1 cell {width}"
            for place, width in enumerate(widths)
        )
        return _chain([f"stem {widths[0]}", *layers, "mean, linear"])
    return None


def _doubling(width: int, depth: int, between: str) -> Graph:
    """Return three stages of cells, each of twice the width of the one before."""
    stages = [f"{depth} cells {width << stage}" for stage in range(3)]
    return _chain(
        [f"stem {width}", stages[0], between, stages[1], between, stages[2], "mean, linear"]
    )


def _chain(names: Sequence[str]) -> Graph:
    edges = tuple((place, place + 1, "") for place in range(len(names) - 1))
    return Graph("macro skeleton", tuple(names), edges)
