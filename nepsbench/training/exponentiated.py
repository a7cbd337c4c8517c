"""Exponentiated gradient: steps on the simplex that multiply instead of adding.

Source: Li et al., Geometry-Aware Gradient Algorithms for Neural Architecture Search (ICLR 2021),
algorithm 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn


class ExponentiatedGradient(torch.optim.Optimizer):
    """Multiplies each number by ``exp(-rate x gradient)``, and divides so that rows sum to one.

    Args:
        parameters: Positive; the last axis of each is on the simplex, and stays there.
        lr: The rate.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float) -> None:
        super().__init__(parameters, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """Make a step; rows without a gradient stay as they are."""
        result = None if closure is None else closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                logits = parameter.log() - group["lr"] * parameter.grad
                parameter.copy_(logits.softmax(dim=-1))
        return result
