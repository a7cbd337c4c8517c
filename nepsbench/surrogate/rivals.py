"""Two surrogates of one space, side by side: what their cards say, and how far answers differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nepsbench.errors import NepsbenchError
from nepsbench.surrogate.models import FittedSurrogate
from nepsbench.surrogate.scores import Score, score

#: Configurations on which the answers are compared, and the Philox key that draws them.
_ASKED, _KEY = 2000, 4
_SCORES = ("r2", "kendall_tau", "regret")


@dataclass(frozen=True)
class Rivals:
    """What two surrogates say of the metrics that both have.

    Attributes:
        scores: By metric, then part (``overall`` or ``last_epoch``), then score: both values.
        agreement: By metric, of configurations drawn from the whole space at the last epoch that
            both know: ``kendall_tau`` and ``spearman`` between the two, and ``difference``, the
            mean of how far they lie apart, in the metric's unit.
        only: Metrics of one alone.
        remarks: Why the scores of the cards may not be compared; empty if they may.
    """

    scores: Mapping[str, Mapping[str, Mapping[str, tuple[float | None, float | None]]]]
    agreement: Mapping[str, Score]
    only: tuple[tuple[str, ...], tuple[str, ...]]
    remarks: tuple[str, ...]


def compare(first: FittedSurrogate, second: FittedSurrogate, *, epoch: int) -> Rivals:
    """Compare two surrogates.

    Args:
        first: One.
        second: The other.
        epoch: Where their answers are compared, from 1.

    Raises:
        NepsbenchError: If they are of different spaces, or have no metric in common.
    """
    space = first.encoder.space
    if space.name != second.encoder.space.name:
        raise NepsbenchError(
            f"one surrogate is of {space.name}, the other of {second.encoder.space.name}; "
            "compare two of the same space"
        )
    common = [name for name in first.trees if name in second.trees]
    if not common:
        raise NepsbenchError("the surrogates have no metric in common; fit both on the same ones")
    words = np.random.Philox(_KEY).random_raw(_ASKED * space.words_per_draw)
    codes = space.draw(words.reshape(_ASKED, -1))
    epochs = np.full(_ASKED, float(epoch))
    answers = [each.predict(codes, epochs) for each in (first, second)]
    only = tuple(
        tuple(name for name in each.trees if name not in common) for each in (first, second)
    )
    return Rivals(
        {name: _scores(first, second, name) for name in common},
        {name: _agreement(answers[0][name], answers[1][name]) for name in common},
        (only[0], only[1]),
        _remarks(first, second),
    )


def _agreement(one: Any, other: Any) -> Score:
    found = score(one, other)
    difference = float(np.abs(one - other).mean())
    return {key: found[key] for key in ("kendall_tau", "spearman")} | {"difference": difference}


def _scores(
    first: FittedSurrogate, second: FittedSurrogate, metric: str
) -> dict[str, dict[str, tuple[float | None, float | None]]]:
    cards = [((each.card or {}).get("metrics") or {}).get(metric, {}) for each in (first, second)]
    found: dict[str, dict[str, tuple[float | None, float | None]]] = {}
    for part in ("overall", "last_epoch"):
        one, other = (card.get(part, {}) for card in cards)
        known = [key for key in _SCORES if key in one or key in other]
        if known:
            found[part] = {key: (one.get(key), other.get(key)) for key in known}
    return found


def _remarks(first: FittedSurrogate, second: FittedSurrogate) -> tuple[str, ...]:
    """Say why scores that two cards give are not of the same question."""
    names = ("the first", "the second")
    unjudged = [
        name for name, each in zip(names, (first, second), strict=True) if each.card is None
    ]
    if unjudged:
        return (f"{' and '.join(unjudged)} was not judged, so there is nothing to compare scores "
                "with; fit it with nepsbench surrogate fit",)  # fmt: skip
    one, other = ((each.card or {})["split"] for each in (first, second))
    differs = [key for key in one if one[key] != other.get(key)]
    if not differs:
        return ()
    said = ", ".join(f"{key} {one[key]} and {other.get(key)}" for key in differs)
    return (f"the cards judge on different configurations ({said}): a difference between their "
            "scores is not all the surrogates' own",)  # fmt: skip
