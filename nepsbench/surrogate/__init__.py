"""CatBoost models of every metric over configuration and epoch.

Importing this package loads no catboost: that happens on the first fit; answers need none.
"""

from __future__ import annotations

from nepsbench.surrogate.evaluation import evaluate
from nepsbench.surrogate.fitting import fit
from nepsbench.surrogate.models import Card, FittedSurrogate

__all__ = ["Card", "FittedSurrogate", "evaluate", "fit"]
