"""The volume that a set of points dominates, up to a reference point; all are made small.

Exact, by slices along the last objective: While, Hingston, Barone and Huband, A faster algorithm
for calculating hypervolume (2006).
"""

from __future__ import annotations

from collections.abc import Sequence

Point = tuple[float, ...]


def hypervolume(points: Sequence[Point], reference: Point) -> float:
    """Return the dominated volume.

    Args:
        points: What was found; those not below the reference in every objective add nothing.
        reference: The worst value of each objective that counts.
    """
    inside = [p for p in points if all(x < r for x, r in zip(p, reference, strict=True))]
    return _volume(nondominated(inside), reference)


def nondominated(points: Sequence[Point]) -> list[Point]:
    """Return the points that no other one is at least as good as in every objective; sorted."""
    kept: list[Point] = []
    for point in sorted(set(points)):
        if not any(all(k <= x for k, x in zip(other, point, strict=True)) for other in kept):
            kept.append(point)
    return kept


def _volume(points: list[Point], reference: Point) -> float:
    if not points:
        return 0.0
    if len(reference) == 1:
        return reference[0] - min(point[0] for point in points)
    ordered = sorted(points, key=lambda point: point[-1])
    total = 0.0
    for place, point in enumerate(ordered):
        upper = ordered[place + 1][-1] if place + 1 < len(ordered) else reference[-1]
        if upper > point[-1]:
            below = nondominated([each[:-1] for each in ordered[: place + 1]])
            total += (upper - point[-1]) * _volume(below, reference[:-1])
    return total
