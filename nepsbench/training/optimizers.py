"""Optimisers as recipes name them."""

from __future__ import annotations

import torch
from torch import nn

from nepsbench.training.recipe import Settings, SGDSettings


def new_optimizer(network: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    """Return a fresh optimiser of the network's weights; a step is one pass over each of them."""
    chosen = settings.optimizer
    weights, lr, decay = network.parameters(), settings.learning_rate, settings.weight_decay
    if isinstance(chosen, SGDSettings):
        return torch.optim.SGD(
            weights,
            lr=lr,
            weight_decay=decay,
            momentum=chosen.momentum,
            nesterov=chosen.nesterov,
            fused=True,
        )
    return torch.optim.AdamW(
        weights, lr=lr, weight_decay=decay, betas=chosen.betas, eps=chosen.eps, fused=True
    )
