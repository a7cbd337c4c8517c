"""Fourier transforms on the sphere and on its rotations, up to a bandwidth, as torch tensors.

A function on the sphere is a sum, over degrees l and orders m, of
``(2 l + 1) F[l, m] d(l, m, 0)(beta) exp(i m alpha)``; one on rotations is one of
``(2 l + 1) F[l, m, n] d(l, m, n)(beta) exp(i (m alpha + n gamma))``, where d is Wigner's small
matrix. Grids are Driscoll's and Healy's: 2 b polar angles beta, (2 j + 1) pi / 4 b, and as many
azimuths from 0. Orders above a degree are zeros.
Source: Kostelec and Rockmore, FFTs on the Rotation Group (2008), whose quadrature and angles these
are.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from scipy.special import eval_jacobi
from torch import Tensor, nn

from nepsbench.spaces.parameters import FloatArray

_RINGS, _AROUND, _REACH = 3, 8, math.pi / 8  # a filter's points, near the pole or the identity


class SphereTransform(nn.Module):
    """From functions on a sphere to their coefficients.

    Args:
        grid: Bandwidth of the grid.
        kept: Degrees that are kept.
    """

    analysis: Tensor

    def __init__(self, grid: int, kept: int) -> None:
        super().__init__()
        self._orders = _orders(kept)
        table = wigner_d(kept, polar_angles(grid))[:, :, kept - 1] * quadrature(grid)
        self.register_buffer("analysis", _complex(table), persistent=False)

    def analysed(self, x: Tensor) -> Tensor:
        """Map (spheres, channels, 2 b, 2 b) to (spheres, channels, degrees, orders), complex."""
        around = torch.fft.fft(x, dim=-1, norm="forward")[..., self._orders]
        return torch.einsum("bcjm,lmj->bclm", around, self.analysis)


class RotationTransform(nn.Module):
    """Between functions on rotations and their coefficients.

    Args:
        grid: Bandwidth of the grid.
        kept: Degrees that are kept; for :meth:`sampled`, the grid's.
    """

    analysis: Tensor
    synthesis: Tensor
    weights: Tensor

    def __init__(self, grid: int, kept: int) -> None:
        super().__init__()
        self._points, self._orders = 2 * grid, _orders(kept)
        table = wigner_d(kept, polar_angles(grid))
        degrees = (2 * np.arange(kept) + 1).reshape(-1, 1, 1, 1)
        weights = quadrature(grid)
        self.register_buffer("analysis", _complex(table * weights), persistent=False)
        self.register_buffer("synthesis", _complex(table * degrees), persistent=False)
        self.register_buffer("weights", torch.from_numpy(weights).float(), persistent=False)

    def analysed(self, x: Tensor) -> Tensor:
        """Map (spheres, channels, beta, alpha, gamma) to (..., degrees, orders, orders)."""
        around = torch.fft.fft2(x, norm="forward")[..., self._orders, :][..., self._orders]
        return torch.einsum("bcjmn,lmnj->bclmn", around, self.analysis)

    def sampled(self, coefficients: Tensor) -> Tensor:
        """Map what :meth:`analysed` gives to real values on the grid."""
        rings = torch.einsum("bclmn,lmnj->bcjmn", coefficients, self.synthesis)
        missing, lowest = self._points - rings.shape[-1], self._orders[0]
        whole = F.pad(rings, (0, missing, 0, missing)).roll((lowest, lowest), dims=(3, 4))
        values: Tensor = torch.fft.ifft2(whole, norm="forward").real
        return values

    def mean(self, x: Tensor) -> Tensor:
        """Map (spheres, channels, beta, alpha, gamma) to the mean over rotations."""
        return x.mean(dim=(3, 4)) @ self.weights


def sphere_filter(kept: int) -> Tensor:
    """Return what each point of a filter adds to its coefficients, (points, degrees, orders)."""
    beta, alpha = _near_the_pole()
    table = wigner_d(kept, beta)[:, :, kept - 1]
    turns = np.exp(-1j * np.outer(_signed(kept), alpha))
    return _complex((table * turns).transpose(2, 0, 1))


def rotation_filter(kept: int) -> Tensor:
    """Return the same of a filter on rotations, shape (points, degrees, orders, orders)."""
    beta, alpha = (np.repeat(angles, _AROUND) for angles in _near_the_pole())
    turned = np.linspace(-2 * math.pi, 2 * math.pi, _AROUND)
    gamma = np.tile(turned, _RINGS * _AROUND) - alpha
    orders = _signed(kept)
    turns = np.exp(-1j * (orders[:, None, None] * alpha + orders[None, :, None] * gamma))
    return _complex((wigner_d(kept, beta) * turns).transpose(3, 0, 1, 2))


@cache
def polar_angles(bandwidth: int) -> FloatArray:
    """Return the polar angles of a grid."""
    return np.asarray((2 * np.arange(2 * bandwidth) + 1) * math.pi / (4 * bandwidth))


@cache
def quadrature(bandwidth: int) -> FloatArray:
    """Return the weight of each polar angle; they sum to 1."""
    odd = 2 * np.arange(bandwidth) + 1
    beta = polar_angles(bandwidth)
    return np.asarray(np.sin(beta) * (np.sin(np.outer(beta, odd)) / odd).sum(axis=1) / bandwidth)


def wigner_d(kept: int, beta: FloatArray) -> FloatArray:
    """Return Wigner's small matrices, shape (degrees, orders, orders, angles).

    By Jacobi polynomials, which lose no digits at any degree.
    """
    table = np.zeros((kept, 2 * kept - 1, 2 * kept - 1, len(beta)))
    for degree in range(kept):
        for m in range(-degree, degree + 1):
            for n in range(-degree, degree + 1):
                table[degree, m + kept - 1, n + kept - 1] = _wigner(degree, m, n, beta)
    return table


def _wigner(degree: int, m: int, n: int, beta: FloatArray) -> FloatArray:
    least = min(degree + n, degree - n, degree + m, degree - m)
    negative = least in (degree + n, degree - m)
    a = m - n if negative else n - m
    b = 2 * (degree - least) - a
    size = math.sqrt(math.comb(2 * degree - least, least + a) / math.comb(least + b, b))
    sign = (-1) ** (m - n) if negative else 1
    half = beta / 2
    polynomial = eval_jacobi(least, a, b, np.cos(beta))
    return np.asarray(sign * size * np.sin(half) ** a * np.cos(half) ** b * polynomial)


def _near_the_pole() -> tuple[FloatArray, FloatArray]:
    """Return polar angle and azimuth of a filter's points: rings around the pole."""
    rings = np.arange(1, _RINGS + 1) * _REACH / _RINGS
    around = np.arange(_AROUND) * 2 * math.pi / _AROUND
    return np.repeat(rings, _AROUND), np.tile(around, _RINGS)


def _signed(kept: int) -> FloatArray:
    return np.arange(-(kept - 1), kept, dtype=np.float64)


def _orders(kept: int) -> list[int]:
    """Return where a transform of an axis has the orders, those below zero first."""
    return [int(order) for order in _signed(kept)]


def _complex(values: FloatArray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values)).to(torch.complex64)
