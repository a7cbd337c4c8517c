"""The settings that are searched, and how Optuna asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from nepsbench.errors import NepsbenchError
from nepsbench.surrogate.boosting import Boosting

if TYPE_CHECKING:
    import optuna

#: Name, least, most, whether whole numbers, whether on a log scale. Trees of more than eight levels
#: could not be served.
_RANGES = (
    ("iterations", 60, 800, True, True),
    ("depth", 2, 8, True, False),
    ("learning_rate", 0.02, 0.4, False, True),
    ("rsm", 0.1, 1.0, False, False),
)


class Asker:
    """Asks for rounds of settings; the same answers lead to the same questions.

    Args:
        first: Settings to begin with, so that what is found is no worse than they are.
        seed: Of the sampler.
    """

    def __init__(self, first: Boosting, *, seed: int) -> None:
        optuna = _optuna()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=True, multivariate=True)
        self._first = first
        self._study = optuna.create_study(direction="maximize", sampler=sampler)
        known = asdict(first)
        self._study.enqueue_trial({name: known[name] for name, *_ in _RANGES})

    def ask(self, count: int) -> list[Boosting]:
        """Return the settings of the next round."""
        distributions = _distributions()
        self._asked = [self._study.ask(distributions) for _ in range(count)]
        return [replace(self._first, **_rounded(trial.params)) for trial in self._asked]

    def tell(self, scores: Sequence[float]) -> None:
        """Tell the scores of the round, in its order; more is better."""
        for trial, value in zip(self._asked, scores, strict=True):
            self._study.tell(trial, value)


def _rounded(params: dict[str, Any]) -> dict[str, Any]:
    """Return settings as they are written and read: no more digits than a person would give."""
    return {k: float(f"{v:.3g}") if isinstance(v, float) else v for k, v in params.items()}


def _distributions() -> dict[str, optuna.distributions.BaseDistribution]:
    kinds = _optuna().distributions
    return {
        name: (kinds.IntDistribution if whole else kinds.FloatDistribution)(low, high, log=log)
        for name, low, high, whole, log in _RANGES
    }


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise NepsbenchError(
            "optuna is not installed; run: pip install 'nepsbench[search]'"
        ) from None
    return optuna
