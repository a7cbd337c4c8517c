"""How configurations and metrics become the numbers that the surrogate's trees see, and back.

One piece of code for fitting and for serving, stored next to the models as ``encoder.json``. Pure
numpy, so that the light client can use it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from nepsbench.errors import NepsbenchError, VersionMismatchError
from nepsbench.spaces import Space, get_space
from nepsbench.spaces.parameters import FloatArray
from nepsbench.surrogate.features import FEATURES_VERSION, FeatureMap, Features, feature_map
from nepsbench.surrogate.targets import Target

#: Raised with every change of a surrogate's files. Format 1 had no trees of its own.
ENCODER_FORMAT = 2


@dataclass(frozen=True)
class Encoder:
    """Features of a space, and the learning scale of each metric.

    Attributes:
        space: The space whose encoded configurations are read.
        targets: The learning scale of each metric.
    """

    space: Space
    targets: Mapping[str, Target]

    @cached_property
    def map(self) -> FeatureMap:
        """The features of the space."""
        return feature_map(self.space)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The name of each feature column; the last is ``epoch``."""
        return self.map.names

    def features(self, codes: FloatArray, epochs: FloatArray) -> Features:
        """Return the features, shape (rows, features).

        Args:
            codes: Encoded configurations, shape (rows, parameters).
            epochs: The epoch of each row, from 1.
        """
        return self.map.features(codes, epochs)

    def to_json(self) -> str:
        """Return the encoder as JSON."""
        content = {
            "format": ENCODER_FORMAT,
            "features_version": FEATURES_VERSION,
            "space": self.space.name,
            "space_version": self.space.version,
            "features": self.feature_names,
            "targets": {name: asdict(target) for name, target in self.targets.items()},
        }
        return json.dumps(content, indent=1)

    @classmethod
    def from_json(cls, text: str, space: Space | None = None) -> Encoder:
        """Return the encoder that :meth:`to_json` wrote.

        Args:
            text: What it wrote.
            space: The space it must be of; the one that it names without.

        Raises:
            VersionMismatchError: If this installation would encode otherwise.
            NepsbenchError: If ``text`` is damaged.
        """
        try:
            content: dict[str, Any] = json.loads(text)
            space = space or get_space(content["space"])
            targets = {name: Target(**target) for name, target in content["targets"].items()}
            encoder = cls(space, targets)
            stored = (
                content["format"],
                content.get("features_version", 1),
                content["space"],
                content["space_version"],
            )
            features = tuple(content["features"])
        except (ValueError, KeyError, TypeError, AttributeError):
            raise NepsbenchError("encoder.json of the surrogate is damaged; fit again") from None
        here = (ENCODER_FORMAT, FEATURES_VERSION, space.name, space.version)
        if stored != here or features != encoder.feature_names:
            raise VersionMismatchError(
                f"the surrogate was fitted for encoder {stored}, this nepsbench has {here}; "
                "install the version that fitted it, or fit again"
            )
        return encoder
