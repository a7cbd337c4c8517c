"""How a network is made ready for a recipe: its weights and the constants of batch normalisation.

A network draws its own weights when it is built; a recipe may draw them again, from torch's global
generator.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import nn

from nepsbench.training.recipe import Recipe

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
#: Standard deviation of a standard normal that is cut at two: TensorFlow divides by it.
_TRUNCATED = 0.87962566103423978


def make_ready(network: nn.Module, recipe: Recipe) -> None:
    """Draw the network's weights and set its constants as the recipe says, in place."""
    draw = _DRAWS.get(recipe.initialisation)
    for module in network.modules():
        if draw is not None:
            draw(module)
        if recipe.batch_norm is not None and isinstance(module, _NORMS):
            module.momentum = recipe.batch_norm.momentum
            module.eps = recipe.batch_norm.eps


def _tensorflow(module: nn.Module) -> None:
    """Draw as TensorFlow 1 does in NAS-Bench-101.

    Convolutions: ``variance_scaling_initializer``, a normal distribution cut at two standard
    deviations, of variance 1 / fan-in. Linear layers: Glorot's uniform distribution, no bias.
    """
    if isinstance(module, _CONVOLUTIONS):
        fan_in = module.weight[0].numel()
        std = math.sqrt(1 / fan_in) / _TRUNCATED
        nn.init.trunc_normal_(module.weight, std=std, a=-2 * std, b=2 * std)
    elif isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)


def _fan_out(module: nn.Module) -> None:
    """Draw as NASBench-PyTorch does: normal, of variance 2 / fan-out; linear layers of 0.01^2."""
    if isinstance(module, _CONVOLUTIONS):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.01)
        nn.init.zeros_(module.bias)


_DRAWS: dict[str, Callable[[nn.Module], None]] = {"tensorflow": _tensorflow, "fan_out": _fan_out}
