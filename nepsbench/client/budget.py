"""The budget of a search: what was spent, in seconds, queries and epochs, and what may be."""

from __future__ import annotations

from dataclasses import dataclass

from nepsbench.errors import NepsbenchError


@dataclass(frozen=True)
class Spent:
    """What a search has spent.

    Attributes:
        seconds: Simulated seconds of training.
        queries: Answers.
        epochs: Epochs trained.
    """

    seconds: float = 0.0
    queries: int = 0
    epochs: int = 0

    def plus(self, seconds: float, epochs: int) -> Spent:
        """Return what is spent after one more query."""
        return Spent(self.seconds + seconds, self.queries + 1, self.epochs + epochs)


@dataclass(frozen=True)
class Budget:
    """What a search may spend; None is no limit. It is spent when any of the limits is reached.

    Attributes:
        seconds: Simulated seconds of training.
        queries: Answers.
        epochs: Epochs trained.
    """

    seconds: float | None = None
    queries: int | None = None
    epochs: int | None = None

    def __post_init__(self) -> None:
        for name, limit in self._limits():
            if limit is not None and not limit > 0:
                raise NepsbenchError(
                    f"a budget of {limit!r} {name} allows nothing; give more than 0"
                )

    def reached(self, spent: Spent) -> str | None:
        """Return in words which limit is reached, None if none is."""
        for name, limit in self._limits():
            if limit is not None and getattr(spent, name) >= limit:
                return f"{getattr(spent, name):g} of {limit:g} {name}"
        return None

    def _limits(self) -> tuple[tuple[str, float | None], ...]:
        return (("seconds", self.seconds), ("queries", self.queries), ("epochs", self.epochs))
