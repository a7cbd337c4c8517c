"""How a cell that was found stands among all cells of a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nepsbench.schema import METRICS_BY_NAME


@dataclass(frozen=True)
class CellStanding:
    """A cell beside others.

    Attributes:
        metric: What they are compared by.
        value: The cell's.
        mean: That of cells drawn at random.
        beaten: The part of these that is worse.
        drawn: How many were drawn.
    """

    metric: str
    value: float
    mean: float
    beaten: float
    drawn: int


def cell_standing(
    bench: Any, architecture: str, *, metric: str = "valid_acc", drawn: int = 1000
) -> CellStanding:
    """Return how a cell stands in a table of its space.

    Args:
        bench: A benchmark object, such as ``nepsbench.load`` returns.
        architecture: The cell in NAS-Bench-201's string.
        metric: What counts.
        drawn: Cells to compare with: those that ``bench.sample`` gives for seeds from 0.

    Raises:
        NotInTableError: If the table lacks the cell.
    """
    sign = -1.0 if METRICS_BY_NAME[metric].direction == "min" else 1.0
    value = float(bench(architecture)[metric])
    others = [float(bench(bench.sample(seed))[metric]) for seed in range(drawn)]
    beaten = sum(sign * other < sign * value for other in others) / drawn
    return CellStanding(metric, value, sum(others) / drawn, beaten, drawn)
