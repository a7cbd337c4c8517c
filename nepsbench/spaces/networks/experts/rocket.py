"""ROCKET, the expert of Satellite: random kernels, and a ridge regression on what they see.

Of each kernel's output over a sequence there are two features: the largest value, and the share of
values above zero. Source: Dempster et al., ROCKET (Data Mining and Knowledge Discovery 2020). It is
published for one channel; of more, a kernel has weights for each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.linear_model import RidgeCV
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

from nepsbench.errors import SpecError
from nepsbench.spaces.experts import ROCKET
from nepsbench.spaces.networks.fitted import Fitted
from nepsbench.spaces.networks.layers import entrance
from nepsbench.spaces.parameters import Scalar
from nepsbench.spaces.problem import Problem

_LENGTHS = (7, 9, 11)
_PENALTIES = np.logspace(-3, 3, 10)
_AT_ONCE = 256  # examples, to keep memory small


@dataclass(frozen=True)
class Shape:
    """What kernels of a group have in common."""

    length: int
    dilation: int
    padded: bool

    @property
    def padding(self) -> int:
        """Zeros at either end."""
        return (self.length - 1) * self.dilation // 2 if self.padded else 0


class Rocket(Fitted):
    """Random kernels and the linear layer behind them.

    Args:
        kernels: How many.
        problem: What it maps to what.
    """

    def __init__(self, kernels: int, problem: Problem) -> None:
        super().__init__()
        self.enter = nn.Sequential(*entrance(problem))
        groups = _drawn_shapes(kernels, problem.shape[-1])
        self._shapes = tuple(groups)
        self.weights = nn.ParameterList(
            _drawn_weights(count, problem.channels, shape.length) for shape, count in groups.items()
        )
        self.biases = nn.ParameterList(
            nn.Parameter(torch.rand(count) * 2 - 1, requires_grad=False)
            for count in groups.values()
        )
        self.head = nn.Linear(2 * kernels, problem.outputs).requires_grad_(False)
        self._outputs = problem.outputs

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (inputs, channels, places) to logits (inputs, outputs)."""
        parts = [self.head(self._features(part)) for part in torch.split(inputs, _AT_ONCE)]
        return torch.cat(parts)

    def fit_epoch(self, inputs: Tensor, targets: Tensor, *, loss: str, seed: int) -> None:
        """Solve the ridge regression; its penalty is that of the best leave-one-out error.

        Raises:
            SpecError: If the loss is of numbers: outputs are logits.
        """
        del seed  # what is random was drawn with the kernels
        if loss == "cross_entropy":
            signs = F.one_hot(targets, self._outputs)
        elif loss == "binary_cross_entropy":
            signs = targets
        else:
            raise SpecError(f"space {ROCKET.name}: classifies; it has no answer to loss {loss}")
        features = torch.cat([self._features(part) for part in torch.split(inputs, _AT_ONCE)])
        mean, deviation = features.mean(dim=0), features.std(dim=0).clamp_min(1e-8)
        solved = RidgeCV(alphas=_PENALTIES)
        with threadpool_limits(1):  # sums depend on the number of threads
            solved.fit(((features - mean) / deviation).numpy(), (2.0 * signs - 1).numpy())
        weight = torch.from_numpy(solved.coef_.copy()).reshape(self._outputs, -1) / deviation
        bias = torch.as_tensor(solved.intercept_).reshape(-1) - weight @ mean.to(weight.dtype)
        self.head.weight.copy_(weight)
        self.head.bias.copy_(bias)

    def _features(self, inputs: Tensor) -> Tensor:
        """Return the features of (inputs, channels, places), shape (inputs, 2 kernels)."""
        inputs, found = self.enter(inputs), []
        for shape, weight, bias in zip(self._shapes, self.weights, self.biases, strict=True):
            seen = F.conv1d(inputs, weight, bias, padding=shape.padding, dilation=shape.dilation)
            found += [seen.amax(dim=2), (seen > 0).float().mean(dim=2)]
        return torch.cat(found, dim=1)


def build(configuration: Mapping[str, Scalar], problem: Problem) -> Rocket:
    """Return the model of ``configuration``, its kernels drawn from torch's global generator.

    Raises:
        InvalidConfigurationError: If the configuration is not in the space.
    """
    return Rocket(int(ROCKET.validate(configuration)["Kernels"]), problem)


def _drawn_shapes(kernels: int, places: int) -> dict[Shape, int]:
    """Return how many kernels there are of each shape; dilations are log-uniform."""
    fitting = [length for length in _LENGTHS if length < places] or [places]
    lengths = torch.tensor(fitting)[torch.randint(len(fitting), (kernels,))]
    reach = torch.log2((places - 1) / (lengths - 1).double())
    dilations = (2 ** (torch.rand(kernels, dtype=torch.float64) * reach)).long()
    padded = torch.rand(kernels) < 0.5
    groups: dict[Shape, int] = {}
    for row in sorted(zip(lengths.tolist(), dilations.tolist(), padded.tolist(), strict=True)):
        shape = Shape(*row)
        groups[shape] = groups.get(shape, 0) + 1
    return groups


def _drawn_weights(count: int, channels: int, length: int) -> nn.Parameter:
    """Return normal weights whose mean is zero in each kernel."""
    drawn = torch.randn(count, channels, length)
    return nn.Parameter(drawn - drawn.mean(dim=2, keepdim=True), requires_grad=False)
