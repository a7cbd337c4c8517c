"""Seconds per epoch of every trial: measured, or estimated from the trials that were.

The estimate is a linear model of log seconds over log fidelities, log FLOPs and the other choices,
since each of them multiplies the cost. Fitted with Huber's weights, so that a trial that shared
its node with somebody else bends nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

import numpy as np
from numpy.typing import NDArray

from nepsbench.spaces import Categorical, Space
from nepsbench.spaces.parameters import FloatArray

#: Seconds per epoch where nothing was measured and the profile says nothing either.
DEFAULT_SECONDS = 60.0
#: Below this many measured trials, what the profile says is trusted more than a fit.
ENOUGH_MEASURED = 10

_RIDGE = 1e-2
_ROUNDS = 10
_HUBER = 1.345  # P. J. Huber (1964): 95 % efficient on normal errors
_FLOPS_MODULES = {"nepsbench101": "nepsbench.spaces.nepsbench101_cost"}


@dataclass(frozen=True)
class Estimate:
    """Seconds per epoch of every trial, and how far to trust them.

    Attributes:
        seconds: Seconds per epoch, shape (trials,).
        measured: How many of them were measured.
        tail: 95 % of the measured trials take at most this many times the seconds that a fit
            without them predicts; None where nothing was fitted. A margin on runtimes should not
            be lower.
    """

    seconds: FloatArray
    measured: int
    tail: float | None


def seconds_per_epoch(
    measured: FloatArray,
    *,
    features: FloatArray,
    fallback: FloatArray | None = None,
    default: float = DEFAULT_SECONDS,
) -> Estimate:
    """Return seconds per epoch for every trial: measured, else fitted, else told, else default.

    Args:
        measured: Measured seconds per epoch, NaN where unknown, shape (trials,).
        features: What drives the cost, shape (trials, features); see :func:`cost_features`.
        fallback: What the profile says, NaN where it says nothing, shape (trials,). Comes before
            the fit while fewer than ``ENOUGH_MEASURED`` trials are measured.
        default: For trials that nothing is known of.
    """
    known = np.isfinite(measured) & (measured > 0)
    seconds = np.full(len(measured), default)
    tail = None
    if known.any():
        seconds, tail = _fit(features, np.log(measured[known]), known)
    if fallback is not None and known.sum() < ENOUGH_MEASURED:
        seconds = np.where(np.isfinite(fallback), fallback, seconds)
    return Estimate(np.where(known, measured, seconds), int(known.sum()), tail)


def cost_features(space: Space, codes: FloatArray) -> FloatArray:
    """Return the features of encoded configurations that cost may depend on.

    Numeric fidelities by their logarithm, log FLOPs where the space can count them, and every
    other choice as 0 or 1. Real parameters are left out: they change no epoch's cost.

    Args:
        space: The search space.
        codes: Encoded configurations, shape (trials, parameters).
    """
    columns: list[FloatArray] = []
    for k, parameter in enumerate(space.parameters):
        if not isinstance(parameter, Categorical):
            continue
        index = codes[:, k].astype(np.int64)
        if parameter.name in space.fidelities:
            columns.append(np.log(np.array(parameter.choices, dtype=np.float64))[index])
        else:
            columns += [
                (index == choice).astype(np.float64) for choice in range(1, len(parameter.choices))
            ]
    if space.name in _FLOPS_MODULES:
        logarithm = np.log(import_module(_FLOPS_MODULES[space.name]).flops(codes))
        # The square bends the line: small networks cost mostly what does not grow with FLOPs.
        columns += [logarithm, logarithm**2]
    return np.column_stack(columns) if columns else np.zeros((len(codes), 0))


def _fit(
    features: FloatArray, target: FloatArray, known: NDArray[np.bool_]
) -> tuple[FloatArray, float | None]:
    """Return exp of the fitted log seconds of every trial, and the tail of the errors."""
    centre = features[known].mean(axis=0)
    scale = features[known].std(axis=0)
    # A feature that never changed among the measured trials says nothing about the others.
    usable = scale > 1e-12
    design = (features[:, usable] - centre[usable]) / scale[usable]
    x = np.column_stack([np.ones(int(known.sum())), design[known]])
    ridge = np.diag([0.0] + [_RIDGE * len(x)] * design.shape[1])
    residuals = np.zeros(len(x))
    for _ in range(_ROUNDS):
        spread = max(1.4826 * float(np.median(np.abs(residuals))), 1e-9)
        weights = 1.0 / np.maximum(np.abs(residuals) / (_HUBER * spread), 1.0)
        coefficients, leverage = weighted_fit(x, target, weights, ridge=ridge)
        residuals = target - x @ coefficients
    fitted = np.exp(np.column_stack([np.ones(len(design)), design]) @ coefficients)
    if len(x) < ENOUGH_MEASURED:
        return fitted, None
    errors = residuals / (1 - np.minimum(leverage, 0.99))
    return fitted, float(np.exp(np.quantile(errors, 0.95)))


def weighted_fit(
    x: FloatArray, target: FloatArray, weights: FloatArray, *, ridge: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the coefficients of a weighted ridge fit, and the leverage of each row in it.

    A row's residual over (1 - leverage) is its error under a fit without it (D. M. Allen's PRESS,
    1974): exactly so for fixed weights.

    Args:
        x: Features, shape (rows, features).
        target: Shape (rows,).
        weights: Shape (rows,).
        ridge: Penalty, shape (features, features).
    """
    inverse = np.linalg.inv((x.T * weights) @ x + ridge)
    coefficients = inverse @ (x.T @ (weights * target))
    return coefficients, weights * np.einsum("ij,jk,ik->i", x, inverse, x)
