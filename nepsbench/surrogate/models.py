"""A fitted surrogate: trees for each metric, saved with CatBoost's own files, and served alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import exp
from pathlib import Path
from typing import Any

import numpy as np

from nepsbench.errors import CorruptedFileError, NepsbenchError
from nepsbench.spaces import Space
from nepsbench.spaces.parameters import FloatArray
from nepsbench.surrogate.card_page import card_page
from nepsbench.surrogate.encoder import Encoder
from nepsbench.surrogate.features import Features
from nepsbench.surrogate.forest import Forest
from nepsbench.surrogate.noise import Noise
from nepsbench.surrogate.region import Region
from nepsbench.surrogate.storage import TREES, read_trees, write_trees
from nepsbench.surrogate.tabled import TabledTrees, tabled
from nepsbench.surrogate.trees import Trees

Card = dict[str, Any]
#: Rows whose features are made at a time, so that they stay in a core's cache.
_CHUNK = 2048
#: The name of the trees that tell divergence, which is no metric's.
DIVERGENCE = "diverged"


@dataclass(frozen=True)
class FittedSurrogate:
    """Predicts every metric that it was fitted on, for any configuration and epoch.

    Attributes:
        encoder: Makes the trees' features, and brings what they say back to units.
        models: The model of each metric, in CatBoost's own format, for who wants to read it there.
        trees: The trees of each metric, which answer without CatBoost.
        region: Where it was fitted.
        divergence: The log-odds that a training diverges.
        card: How well it does on configurations it has not seen, see ``evaluate``; or None.
    """

    encoder: Encoder
    models: Mapping[str, bytes]
    trees: Mapping[str, Trees]
    region: Region
    divergence: Trees
    card: Card | None = None

    @cached_property
    def forest(self) -> Forest:
        """The trees of all metrics together."""
        return Forest(self.trees, len(self.encoder.feature_names) - 1)

    def predict(self, codes: FloatArray, epochs: FloatArray) -> dict[str, FloatArray]:
        """Return the predicted metrics of many rows, each of shape (rows,), in the metric's unit.

        Args:
            codes: Encoded configurations, shape (rows, parameters).
            epochs: The epoch of each row, from 1.
        """
        return self._predict(tuple(self.trees), codes, epochs)

    def predict_metric(self, name: str, codes: FloatArray, epochs: FloatArray) -> FloatArray:
        """Return one predicted metric; arguments as in :meth:`predict`."""
        return self._predict((name,), codes, epochs)[name]

    def _predict(
        self, names: tuple[str, ...], codes: FloatArray, epochs: FloatArray
    ) -> dict[str, FloatArray]:
        known = {name: self._tabled_trees(name) for name in names}
        found = {name: t.predict(codes, epochs) for name, t in known.items() if t is not None}
        if others := [name for name in names if name not in found]:
            found |= self._by_features(others, codes, epochs)
        targets = self.encoder.targets
        return {name: targets[name].inverse(found[name], epochs) for name in names}

    def _by_features(
        self, names: Sequence[str], codes: FloatArray, epochs: FloatArray
    ) -> dict[str, FloatArray]:
        """Return what trees say of some metrics, on the learning scale."""
        found = {name: np.empty(len(codes)) for name in names}
        for start in range(0, len(codes), _CHUNK):
            rows = slice(start, start + _CHUNK)
            features = self.encoder.features(codes[rows], epochs[rows])
            for name, values in found.items():
                values[rows] = self.trees[name].predict(features)
        return found

    def _tabled_trees(self, name: str) -> TabledTrees | None:
        """Return a metric's trees that need no features; made on first use."""
        if name not in self._tabled:
            self._tabled[name] = tabled(self.trees[name], self.encoder.map)
        return self._tabled[name]

    @cached_property
    def _tabled(self) -> dict[str, TabledTrees | None]:
        return {}

    def at(self, codes: FloatArray, epoch: int) -> dict[str, float]:
        """Return the predicted metrics of one encoded configuration, shape (parameters,)."""
        values = self.forest.at(self._features_of_one(codes, epoch)).tolist()
        targets = self.encoder.targets
        return {
            name: targets[name].inverse_of_one(value, epoch)
            for name, value in zip(self.trees, values, strict=True)
        }

    def curves(self, codes: FloatArray, last: int) -> dict[str, FloatArray]:
        """Return the predicted metrics of one encoded configuration at epochs 1 to ``last``."""
        values = self.forest.curves(self._features_of_one(codes, 1), last)
        epochs = np.arange(1.0, last + 1)
        return {
            name: self.encoder.targets[name].inverse(row, epochs)
            for name, row in zip(self.trees, values, strict=True)
        }

    @cached_property
    def noise(self) -> Mapping[str, Noise]:
        """The scatter of each metric that the card tells of."""
        found = (self.card or {}).get("noise", {})
        return {name: Noise.from_dict(content) for name, content in found.items()}

    def divergence_probability(self, codes: FloatArray) -> float:
        """Return how likely a training of an encoded configuration, shape (parameters,), fails."""
        features = self._features_of_one(codes, 0)[np.newaxis]
        return 1.0 / (1.0 + exp(-float(self.divergence.predict(features)[0])))

    def is_extrapolating(self, codes: FloatArray, epoch: int) -> bool:
        """Return True if an encoded configuration or the epoch lies outside of what was fitted."""
        return self.region.is_outside(self._features_of_one(codes, epoch))

    def _features_of_one(self, codes: FloatArray, epoch: int) -> Features:
        features: Features = self.encoder.features(codes[np.newaxis], np.array([epoch]))[0]
        return features

    def save(self, directory: Path) -> None:
        """Write ``trees.npz``, ``<metric>.cbm``, ``encoder.json``, and if judged the card.

        The card is ``card.json``, and for people ``card.html``.
        """
        directory.mkdir(parents=True, exist_ok=True)
        for name, model in self.models.items():
            (directory / f"{name}.cbm").write_bytes(model)
        everything = {**self.trees, DIVERGENCE: self.divergence}
        write_trees(directory / TREES, everything, self.region)
        (directory / "encoder.json").write_text(self.encoder.to_json())
        if self.card is not None:
            (directory / "card.json").write_text(json.dumps(self.card, indent=1))
            (directory / "card.html").write_text(card_page(self.card), encoding="utf-8")

    @classmethod
    def load(cls, directory: Path, space: Space | None = None) -> FittedSurrogate:
        """Open what :meth:`save` wrote; needs no CatBoost.

        Args:
            directory: Where it was written.
            space: The space it must be of; the one that it names without.

        Raises:
            NepsbenchError: If there is no surrogate.
            VersionMismatchError: If it was fitted with another encoder.
            CorruptedFileError: If a file cannot be read.
        """
        if not (directory / "encoder.json").is_file():
            raise NepsbenchError(f"{directory}: holds no surrogate; fit one, or use kind='table'")
        encoder = Encoder.from_json((directory / "encoder.json").read_text(), space)
        trees, region = read_trees(directory / TREES)
        divergence = trees.pop(DIVERGENCE, None)
        if divergence is None or set(trees) != set(encoder.targets):
            raise CorruptedFileError(
                f"{directory / TREES}: not the metrics of encoder.json; fetch or fit it again"
            )
        models = {name: (directory / f"{name}.cbm").read_bytes() for name in encoder.targets}
        card = directory / "card.json"
        content = json.loads(card.read_text()) if card.is_file() else None
        return cls(encoder, models, trees, region, divergence, content)
