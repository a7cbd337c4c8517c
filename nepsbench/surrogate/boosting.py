"""CatBoost: its settings, fitting one target, and its model as bytes and as trees."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from nepsbench.errors import NepsbenchError
from nepsbench.spaces.parameters import FloatArray
from nepsbench.surrogate.features import Features
from nepsbench.surrogate.trees import Trees

if TYPE_CHECKING:
    from catboost import CatBoost

#: From so many configurations on, deep trees find what several features say together.
_MANY_CONFIGURATIONS = 3000


@dataclass(frozen=True)
class Boosting:
    """CatBoost's settings, the same for every metric.

    Shallow trees and a moderate step hold up on tens of trials as well as on thousands. No row is
    left to chance: CatBoost's sampling fails on a handful of rows, and on a constant metric. Each
    split looks at a part of the features (``rsm``), of which many say nearly the same: that is
    both better and faster. Few trees answer sooner, and here rank as well as many.
    """

    iterations: int = 400
    depth: int = 4
    learning_rate: float = 0.12
    rsm: float = 0.4
    bootstrap_type: str = "No"
    boosting_type: str = "Plain"

    @classmethod
    def for_size(cls, configurations: int) -> Boosting:
        """Return settings for so many configurations."""
        plain = cls()
        if configurations < _MANY_CONFIGURATIONS:
            return plain
        return replace(plain, iterations=250, depth=8, learning_rate=0.14)


@dataclass(frozen=True)
class FittedModel:
    """A fitted model twice: as CatBoost writes it, and as trees that need no CatBoost."""

    content: bytes
    trees: Trees


def fit_model(
    features: Features,
    values: FloatArray,
    *,
    boosting: Boosting,
    seed: int,
    threads: int = 1,
    loss: str = "RMSE",
) -> FittedModel:
    """Fit trees to values.

    Args:
        features: Shape (rows, features).
        values: On the learning scale, shape (rows,).
        boosting: Settings.
        seed: Of the choice of features; CatBoost takes 31 bits of it.
        threads: CPU threads.
        loss: CatBoost's name of it.

    Raises:
        NepsbenchError: If catboost is not installed.
    """
    model = new_model(
        **asdict(boosting),
        loss_function=loss,
        random_seed=seed % 2**31,
        thread_count=threads,
        allow_const_label=True,
        allow_writing_files=False,
        verbose=False,
    )
    if (features == features[:1]).all():
        # CatBoost refuses features that never differ. One more row, elsewhere and of the mean
        # value, lets the model be that mean everywhere.
        features = np.vstack([features, features[:1] + 1])
        values = np.append(values, values.mean())
    model.fit(features, values)
    return FittedModel(serialised(model), trees_of(model))


def new_model(**settings: object) -> CatBoost:
    """Return an unfitted model.

    Raises:
        NepsbenchError: If catboost is not installed.
    """
    try:
        from catboost import CatBoost
    except ImportError:
        raise NepsbenchError(
            "catboost is not installed; run: pip install 'nepsbench[surrogate]'"
        ) from None
    return CatBoost(settings)


def serialised(model: CatBoost) -> bytes:
    """Return a fitted model in CatBoost's own format; equal fits are equal bytes."""
    metadata = model.get_metadata()
    metadata["train_finish_time"] = metadata["model_guid"] = ""
    return _saved(model, "cbm")


def trees_of(model: CatBoost) -> Trees:
    """Return a fitted model's trees, read from its JSON export."""
    content = json.loads(_saved(model, "json"))
    scale, bias = content["scale_and_bias"]
    bias = bias[0] if isinstance(bias, list) else bias
    trees = content["oblivious_trees"]
    depth = max((len(tree.get("splits") or []) for tree in trees), default=0)
    feature = np.zeros((len(trees), depth), dtype=np.int32)
    # A tree of fewer splits is one whose last splits no feature passes.
    border = np.full((len(trees), depth), np.inf, dtype=np.float32)
    leaf = np.zeros((len(trees), 2**depth))
    for row, tree in enumerate(trees):
        for place, split in enumerate(tree.get("splits") or []):
            feature[row, place] = split["float_feature_index"]
            border[row, place] = split["border"]
        leaf[row, : len(tree["leaf_values"])] = tree["leaf_values"]
    return Trees(feature, border, leaf * scale, float(bias))


def _saved(model: CatBoost, form: str) -> bytes:
    with TemporaryDirectory(prefix="nepsbench-") as folder:
        path = Path(folder) / "model"
        model.save_model(str(path), format=form)
        return path.read_bytes()
