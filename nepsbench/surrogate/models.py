"""A fitted surrogate: one CatBoost model a metric, saved in CatBoost's own format, and served."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nepsbench.errors import CorruptedFileError, NepsbenchError
from nepsbench.spaces import Space
from nepsbench.spaces.parameters import FloatArray
from nepsbench.surrogate.encoder import Encoder

if TYPE_CHECKING:
    from catboost import CatBoostRegressor

Card = dict[str, Any]


@dataclass(frozen=True)
class FittedSurrogate:
    """Predicts every metric that it was fitted on, for any configuration and epoch.

    Attributes:
        encoder: Makes the models' features, and brings what they say back to units.
        models: The CatBoost model of each metric.
        card: How well it does on configurations it has not seen, see ``evaluate``; or None.
    """

    encoder: Encoder
    models: Mapping[str, CatBoostRegressor]
    card: Card | None = None

    def predict(self, codes: FloatArray, epochs: FloatArray) -> dict[str, FloatArray]:
        """Return the predicted metrics, each of shape (rows,), in the metric's unit.

        Args:
            codes: Encoded configurations, shape (rows, parameters).
            epochs: The epoch of each row, from 1.
        """
        features = self.encoder.features(codes, epochs)
        return {name: self._predict(name, features) for name in self.models}

    def predict_metric(self, name: str, codes: FloatArray, epochs: FloatArray) -> FloatArray:
        """Return one predicted metric; arguments as in :meth:`predict`."""
        return self._predict(name, self.encoder.features(codes, epochs))

    def _predict(self, name: str, features: FloatArray) -> FloatArray:
        predicted = self.models[name].predict(features, thread_count=1)
        return self.encoder.targets[name].inverse(predicted)

    def save(self, directory: Path) -> None:
        """Write ``<metric>.cbm`` for each metric, ``encoder.json``, and ``card.json`` if judged."""
        directory.mkdir(parents=True, exist_ok=True)
        for name, model in self.models.items():
            model.save_model(str(directory / f"{name}.cbm"))
        (directory / "encoder.json").write_text(self.encoder.to_json())
        if self.card is not None:
            (directory / "card.json").write_text(json.dumps(self.card, indent=1))

    @classmethod
    def load(cls, directory: Path, space: Space) -> FittedSurrogate:
        """Open what :meth:`save` wrote.

        Raises:
            NepsbenchError: If there is no surrogate, or catboost is not installed.
            VersionMismatchError: If it was fitted with another encoder.
            CorruptedFileError: If a model cannot be read.
        """
        if not (directory / "encoder.json").is_file():
            raise NepsbenchError(f"{directory}: holds no surrogate; fit one, or use kind='table'")
        encoder = Encoder.from_json((directory / "encoder.json").read_text(), space)
        models = {name: _load_model(directory / f"{name}.cbm") for name in encoder.targets}
        card = directory / "card.json"
        return cls(encoder, models, json.loads(card.read_text()) if card.is_file() else None)


def new_model(**settings: object) -> CatBoostRegressor:
    """Return an unfitted CatBoost regressor.

    Raises:
        NepsbenchError: If catboost is not installed.
    """
    try:
        from catboost import CatBoostRegressor
    except ImportError:
        raise NepsbenchError(
            "catboost is not installed; run: pip install 'nepsbench[surrogate]'"
        ) from None
    return CatBoostRegressor(**settings)


def without_clock(model: CatBoostRegressor) -> CatBoostRegressor:
    """Clear what CatBoost notes of the moment of fitting, so that equal fits are equal files."""
    metadata = model.get_metadata()
    metadata["train_finish_time"] = ""
    metadata["model_guid"] = ""
    return model


def _load_model(path: Path) -> CatBoostRegressor:
    model = new_model()
    try:
        model.load_model(str(path))
    except Exception as error:  # catboost has no public base class of its errors
        line = str(error).strip().partition("\n")[0]
        raise CorruptedFileError(f"{path}: no CatBoost model ({line}); fetch it again") from None
    return model
