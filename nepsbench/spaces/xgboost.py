"""``xgboost``: gradient boosted trees on the raw numbers of each input; an epoch is a round.

The default is NAS-Bench-360's baseline.
Source: rtu715/NAS-Bench-360, ``xgboost/xgboost_360.py``; Chen and Guestrin, XGBoost (KDD 2016).
"""

from __future__ import annotations

from collections.abc import Mapping

from nepsbench.spaces.parameters import Categorical, Float, LogFloat, Scalar
from nepsbench.spaces.space import Space

SPACE = Space(
    name="xgboost",
    version=1,
    parameters=(
        Categorical("MaxDepth", (2, 3, 4, 6, 8, 10), 3),
        LogFloat("Eta", 1e-3, 1.0, 1.0),
        Float("Subsample", 0.1, 1.0, 0.9),
    ),
    fidelities=(),
)

#: Parameters that make the architecture: the depth of a tree.
ARCHITECTURE = ("MaxDepth",)


def architecture(configuration: Mapping[str, Scalar]) -> str:
    """Return the canonical text of an architecture."""
    return f"xgboost:{configuration['MaxDepth']}"
