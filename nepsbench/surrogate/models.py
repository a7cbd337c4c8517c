"""A fitted surrogate: one CatBoost model a metric, saved in CatBoost's own format, and served."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
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
        models: The model of each metric, in CatBoost's own format. Kept as bytes, because CatBoost
            writes a model that it has read in other bytes than before.
        card: How well it does on configurations it has not seen, see ``evaluate``; or None.
    """

    encoder: Encoder
    models: Mapping[str, bytes]
    card: Card | None = None

    @cached_property
    def _regressors(self) -> dict[str, CatBoostRegressor]:
        return {name: _read_model(name, model) for name, model in self.models.items()}

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
        predicted = self._regressors[name].predict(features, thread_count=1)
        return self.encoder.targets[name].inverse(predicted)

    def save(self, directory: Path) -> None:
        """Write ``<metric>.cbm`` for each metric, ``encoder.json``, and ``card.json`` if judged."""
        directory.mkdir(parents=True, exist_ok=True)
        for name, model in self.models.items():
            (directory / f"{name}.cbm").write_bytes(model)
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
        models = {name: (directory / f"{name}.cbm").read_bytes() for name in encoder.targets}
        card = directory / "card.json"
        loaded = cls(encoder, models, json.loads(card.read_text()) if card.is_file() else None)
        _ = loaded._regressors  # a model that cannot be read is an error of opening, not of asking
        return loaded


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


def serialised(model: CatBoostRegressor) -> bytes:
    """Return a fitted model in CatBoost's own format; equal fits are equal bytes."""
    metadata = model.get_metadata()
    metadata["train_finish_time"] = metadata["model_guid"] = ""
    with TemporaryDirectory(prefix="nepsbench-") as folder:
        path = Path(folder) / "model.cbm"
        model.save_model(str(path))
        return path.read_bytes()


def _read_model(name: str, content: bytes) -> CatBoostRegressor:
    model = new_model()
    try:
        model.load_model(blob=content)
    except Exception as error:  # catboost has no public base class of its errors
        line = str(error).strip().partition("\n")[0]
        raise CorruptedFileError(
            f"{name}.cbm: no CatBoost model ({line}); fetch or fit the surrogate again"
        ) from None
    return model
