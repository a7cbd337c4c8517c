"""What is no longer finite cannot learn: the trial diverged."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor

from nepsbench.errors import NepsbenchError


class DivergedError(NepsbenchError):
    """A training loss, a weight or an architecture became infinite or no number."""


def refuse_divergence(named: Iterable[tuple[str, Tensor]], *, epoch: int) -> None:
    """Refuse numbers that are not finite.

    Args:
        named: What they are, and the numbers.
        epoch: In which they were learnt.

    Raises:
        DivergedError: If there are any.
    """
    for name, numbers in named:
        if not numbers.isfinite().all():
            raise DivergedError(f"epoch {epoch}: {name} are not finite any more")
