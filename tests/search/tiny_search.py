"""A small benchmark object of one's own, with curves, whose best point is known."""

from __future__ import annotations

from collections.abc import Iterator

from nepsbench.errors import NotInTableError
from nepsbench.schema import METRICS_BY_NAME
from nepsbench.search.candidates import candidates_of
from nepsbench.search.optimiser import Problem
from nepsbench.search.session import Session
from nepsbench.spaces import Categorical, Configuration, FiniteSpace, LogFloat, Space

CHOICES = tuple(Categorical(name, ("a", "b", "c", "d", "e"), "a") for name in ("w", "x", "y", "z"))
FINITE = FiniteSpace("tiny", 1, CHOICES, ())
MIXED = Space("tiny_mixed", 1, (*CHOICES[:2], LogFloat("rate", 1e-4, 1.0, 1e-2)), ())
BEST = {"w": "c", "x": "c", "y": "c", "z": "c"}
EPOCHS = (1, 3, 9, 27)
METRICS = ("valid_acc", "test_acc", "params", "train_duration", "lr")


class TinyBenchmark:
    """Accuracy 90 at the best point, less for every step away from it; ten seconds an epoch."""

    name, version, max_epoch, horizons = "tiny-made_up", "1.0.0", EPOCHS[-1], ()

    def __init__(self, space: Space = FINITE, *, failing: str | None = None) -> None:
        self.space = space
        self.metrics = tuple(METRICS_BY_NAME[name] for name in METRICS)
        self.failing = failing
        self.asked = 0

    def __call__(self, query: Configuration, epoch: int | None = None) -> dict[str, float]:
        curve = self.trajectory(query)
        if (epoch or EPOCHS[-1]) not in curve:
            raise NotInTableError(f"epoch {epoch} is not recorded")
        return curve[epoch or EPOCHS[-1]]

    def trajectory(self, query: Configuration) -> dict[int, dict[str, float]]:
        self.asked += 1
        valid = self.space.validate(query)
        if valid["w"] == self.failing:
            raise NotInTableError("its training failed")
        away = sum(abs("abcde".index(valid[p.name]) - 2) for p in self.space.parameters
                   if isinstance(p, Categorical))  # fmt: skip
        if "rate" in valid:
            away += abs(float(valid["rate"]) - 0.01) / 0.01
        top = 90 - 5 * away
        return {
            epoch: {
                "valid_acc": top - 30 / epoch,
                "test_acc": top - 30 / epoch - 1,
                "params": 1.0 + "abcde".index(valid["x"]),
                "train_duration": 10.0,
                "lr": 0.1,
            }
            for epoch in range(1, EPOCHS[-1] + 1)
        }

    def sample(self, seed: int) -> Configuration:
        return FINITE.at(61 * seed % FINITE.size) if self.space is FINITE else self.space.defaults


def problem(space: Space = FINITE) -> Problem:
    return Problem(candidates_of(TinyBenchmark(space)))


def search(session: Session, bench: TinyBenchmark, evaluations: int) -> Iterator[float]:
    """Ask and tell one by one, and yield the error of every answer."""
    for _ in range(evaluations):
        suggestion = session.ask()
        assert suggestion is not None
        answer = bench(session.configuration(suggestion), suggestion.fidelity)
        error = 100 - answer["valid_acc"]
        session.tell(suggestion.number, [error], 10.0)
        yield error
