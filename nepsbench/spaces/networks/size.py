"""How large a network is: parameters, and multiply-accumulates of one image."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from nepsbench.spaces.networks.cell import CellModule
from nepsbench.spaces.networks.searching import weights_of

_WEIGHTS = nn.Conv1d | nn.Conv2d | nn.Linear
_NORMS = nn.BatchNorm1d | nn.BatchNorm2d


def count_params(network: nn.Module) -> float:
    """Return the trainable parameters in millions; of a search, those of its supernet."""
    return sum(p.numel() for p in weights_of(network) if p.requires_grad) / 1e6


def count_flops(
    network: nn.Module, input_shape: tuple[int, ...], *, bias: int = 0, norm: int = 0
) -> float:
    """Return the multiply-accumulates of one image's forward pass, in millions.

    Convolutions and linear layers count, those on cell edges that need not be computed too, as in
    NAS-Bench-201; activation, pooling and sums do not. Benchmarks differ in the small rest:
    NATS-Bench publishes numbers with ``bias=1``, NDS with ``bias=1, norm=5``.

    Args:
        network: Left as it is, but for a forward pass in evaluation mode.
        input_shape: Channels and places of one input.
        bias: What adding a bias counts.
        norm: What batch normalisation of one number counts.
    """
    counts: list[int] = []
    hook = partial(_count, counts=counts, bias=bias, norm=norm)
    handles = [module.register_forward_hook(hook) for module in _counted(network)]
    training = network.training
    network.eval()
    try:
        with torch.no_grad():
            network(torch.zeros(1, *input_shape, device=next(network.parameters()).device))
    finally:
        network.train(training)
        for handle in handles:
            handle.remove()
    return sum(counts) / 1e6


def _counted(network: nn.Module) -> list[nn.Module]:
    """Return the cells, and the layers with weights outside of cells."""
    found: list[nn.Module] = []
    for child in network.children():
        if isinstance(child, CellModule | _WEIGHTS | _NORMS):
            found.append(child)
        else:
            found += _counted(child)
    return found


def _count(
    module: nn.Module,
    _inputs: tuple[Tensor, ...],
    output: Tensor,
    *,
    counts: list[int],
    bias: int,
    norm: int,
) -> None:
    """Add the products of one call: each weight is used once at each place of the output."""
    each = 0
    for layer in module.modules():
        if isinstance(layer, _WEIGHTS):
            each += layer.weight.numel()
            each += bias * (0 if layer.bias is None else layer.bias.numel())
        elif isinstance(layer, _NORMS):
            each += norm * layer.num_features
    counts.append(each * output.shape[2:].numel())
