"""Where tensors lie: on which device, and in which layout.

Both are decided here and nowhere else. The layout is a fixed rule, not the outcome of a
measurement, since sums, and so the bits of a result, depend on it.
"""

from __future__ import annotations

import os

import torch
from torch import Tensor, nn

from nepsbench.errors import SpecError
from nepsbench.provenance import DEVICE_VARIABLE


def chosen_device() -> torch.device:
    """Return the device that networks and data lie on: ``$NEPSBENCH_DEVICE``, or the CPU.

    Raises:
        SpecError: If it is no device of this machine.
    """
    name = os.environ.get(DEVICE_VARIABLE) or "cpu"
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError):
        raise SpecError(
            f"{DEVICE_VARIABLE}={name}: torch finds no such device here; set it to cpu, or not at "
            "all"
        ) from None


def layout_of(inputs: Tensor) -> torch.memory_format:
    """Return the layout for a batch: images have their channels last, where oneDNN is fastest."""
    return torch.channels_last if inputs.dim() == 4 else torch.contiguous_format


def place(network: nn.Module) -> nn.Module:
    """Return the network on the device, its two-dimensional kernels in the layout of images."""
    return network.to(device=chosen_device()).to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]
