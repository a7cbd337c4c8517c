"""Optimisers as recipes name them."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import nn

from nepsbench.spaces.networks.searching import Searching, weights_of
from nepsbench.training.recipe import Settings
from nepsbench.training.recipe_terms import AdamSettings, SGDSettings
from nepsbench.training.rmsprop_tf import RMSPropTF


def new_optimizer(network: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    """Return a fresh optimiser of the network's weights; it clips, where the recipe does."""
    optimizer = _optimizer(network, settings)
    if settings.recipe.clip_norm is not None:
        clip = partial(_clip, weights=weights_of(network), norm=settings.recipe.clip_norm)
        optimizer.register_step_pre_hook(clip)
    return optimizer


def _optimizer(network: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    chosen = settings.optimizer
    weights, lr, decay = weights_of(network), settings.learning_rate, settings.weight_decay
    if isinstance(chosen, SGDSettings):
        momentum = float(chosen.momentum)
        nesterov = chosen.nesterov and momentum > 0  # torch refuses it without momentum
        # The fused step takes no weights without gradients, such as those of what was not drawn.
        return torch.optim.SGD(
            weights,
            lr=lr,
            weight_decay=decay,
            momentum=momentum,
            nesterov=nesterov,
            fused=not isinstance(network, Searching),
        )
    if isinstance(chosen, AdamSettings):
        kind = torch.optim.Adam if chosen.kind == "adam" else torch.optim.AdamW
        return kind(
            weights, lr=lr, weight_decay=decay, betas=chosen.betas, eps=chosen.eps, fused=True
        )
    if chosen.kind == "rmsprop_tf":
        return RMSPropTF(
            weights,
            lr=lr,
            decay=chosen.decay,
            momentum=chosen.momentum,
            eps=chosen.eps,
            weight_decay=decay,
        )
    return torch.optim.RMSprop(
        weights,
        lr=lr,
        alpha=chosen.decay,
        momentum=chosen.momentum,
        eps=chosen.eps,
        weight_decay=decay,
    )


def _clip(*_: Any, weights: list[nn.Parameter], norm: float) -> None:
    """Scale all gradients together so that their norm is at most ``norm``."""
    nn.utils.clip_grad_norm_(weights, norm)
