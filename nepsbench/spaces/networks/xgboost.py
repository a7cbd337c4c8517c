"""The model of space ``xgboost``: trees that answer as a network does, in logits or numbers.

A map is as many numbers as it has places. Unlike NAS-Bench-360's, rounds do not end early; the
validation metric of each is in the tables.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from nepsbench.errors import SpecError
from nepsbench.spaces.networks.fitted import Fitted
from nepsbench.spaces.parameters import Scalar
from nepsbench.spaces.problem import Problem
from nepsbench.spaces.xgboost import SPACE


class BoostedTrees(Fitted):
    """Trees, and the constant that they start from.

    Args:
        configuration: Of the space.
        problem: What it maps to what.
    """

    def __init__(self, configuration: Mapping[str, Scalar], problem: Problem) -> None:
        super().__init__()
        self._problem = problem
        self._settings = {
            "max_depth": int(configuration["MaxDepth"]),
            "eta": float(configuration["Eta"]),
            "subsample": float(configuration["Subsample"]),
            "tree_method": "hist",
            "nthread": 1,
        }
        places = problem.shape[1:] if problem.dense else ()
        self._shape = (problem.outputs, *places)
        self.start = nn.Parameter(torch.zeros(self._shape), requires_grad=False)
        self._raw = b""
        self._loaded: Any = None

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (inputs, channels, places) to logits or numbers (inputs, outputs, places)."""
        if not self._raw:
            return self.start.expand(len(inputs), *self._shape)
        margins = self._booster().predict(_matrix(inputs), output_margin=True)
        found = torch.from_numpy(margins.copy()).to(inputs.device).reshape(-1, *self._shape)
        return found + self.start

    def fit_epoch(self, inputs: Tensor, targets: Tensor, *, loss: str, seed: int) -> None:
        """Add a round: a tree for each output."""
        objective, labels = _OBJECTIVES[loss](targets)
        settings = {**self._settings, "objective": objective, "seed": seed % 2**31}
        if objective == "multi:softprob":
            settings["num_class"] = self._problem.outputs
        labels = labels.reshape(len(inputs), -1)
        start = 0.0 if objective == "reg:squarederror" else 0.5
        many = labels.shape[1]
        settings["base_score"] = start if many == 1 else [start] * many
        known = self._booster() if self._raw else None
        matrix = _matrix(inputs, labels.squeeze(1))
        grown = _library().train(settings, matrix, num_boost_round=1, xgb_model=known)
        # What goes on is what a checkpoint holds, whether or not it was stopped here.
        self._take(bytes(grown.save_raw("ubj")))

    def get_extra_state(self) -> Tensor:
        """Return the trees, as bytes."""
        return torch.frombuffer(bytearray(self._raw or b"\0"), dtype=torch.uint8).clone()

    def set_extra_state(self, state: Tensor) -> None:
        """Take the trees that :meth:`get_extra_state` gave."""
        raw = bytes(state.tolist())
        self._take(b"" if raw == b"\0" else raw)

    def _take(self, raw: bytes) -> None:
        self._raw, self._loaded = raw, None

    def _booster(self) -> Any:
        if self._loaded is None:
            self._loaded = _library().Booster({"nthread": 1})
            self._loaded.load_model(bytearray(self._raw))
        return self._loaded


def build(configuration: Mapping[str, Scalar], problem: Problem) -> BoostedTrees:
    """Return the model of ``configuration``.

    Raises:
        InvalidConfigurationError: If the configuration is not in the space.
    """
    return BoostedTrees(SPACE.validate(configuration), problem)


def _classes(targets: Tensor) -> tuple[str, Tensor]:
    return "multi:softprob", targets


def _labels(targets: Tensor) -> tuple[str, Tensor]:
    return "binary:logistic", targets


def _mask(targets: Tensor) -> tuple[str, Tensor]:
    return "binary:logistic", targets[:, :1]


def _numbers(targets: Tensor) -> tuple[str, Tensor]:
    return "reg:squarederror", targets[:, :1]


def _scaled_numbers(targets: Tensor) -> tuple[str, Tensor]:
    """Return what outputs stand for: targets are (truth, scale, offset)."""
    truth, scale, offset = targets.unbind(1)
    return "reg:squarederror", ((truth - offset) / scale)[:, None]


_OBJECTIVES: dict[str, Callable[[Tensor], tuple[str, Tensor]]] = {
    "cross_entropy": _classes,
    "binary_cross_entropy": _labels,
    "masked_binary_cross_entropy": _mask,
    "mse": _numbers,
    "relative_l2": _scaled_numbers,
}


def _matrix(inputs: Tensor, labels: Tensor | None = None) -> Any:
    rows = inputs.reshape(len(inputs), math.prod(inputs.shape[1:])).cpu().numpy()
    return _library().DMatrix(rows, None if labels is None else labels.float().cpu().numpy())


def _library() -> Any:
    try:
        import xgboost
    except ImportError:
        raise SpecError(
            "space xgboost needs the library of that name; pip install xgboost-cpu"
        ) from None
    return xgboost
