"""What a task asks of a network: the loss that training lowers.

A map's targets have more channels than the truth where the loss or the metric must know more of
each place: see the function. So a batch of targets is all that either needs.
"""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

from nepsbench.datasets.task import Task
from nepsbench.training.meters import Meter, new_meter, relative_l2_of_each

__all__ = ["LossFunction", "Meter", "loss_function", "new_meter"]

#: Maps outputs and targets of a batch to the mean loss of its examples.
LossFunction = Callable[[Tensor, Tensor], Tensor]


def loss_function(task: Task) -> LossFunction:
    """Return the loss of ``task``."""
    return _LOSSES[task.loss]


def cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the mean cross entropy of logits (examples, classes) and labels (examples,)."""
    return F.cross_entropy(outputs, targets)


def binary_cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the mean over all labels of logits (examples, labels) and 0 or 1."""
    return F.binary_cross_entropy_with_logits(outputs, targets.float())


def masked_binary_cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the mean over all places of logits and targets (mask, ignored).

    Ignored places have logit and mask 0, so each adds log 2 and no gradient, as published
    (NAS-Bench-360, after deepCR).
    """
    kept = 1 - targets[:, 1:2].float()
    return F.binary_cross_entropy_with_logits(outputs * kept, targets[:, :1].float() * kept)


def mean_squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the mean over all places of outputs and targets (truth, more of each place)."""
    return F.mse_loss(outputs, targets[:, : outputs.shape[1]])


def relative_l2(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the mean over examples of :func:`relative_l2_of_each`."""
    return relative_l2_of_each(outputs, targets).mean()


_LOSSES: dict[str, LossFunction] = {
    "cross_entropy": cross_entropy,
    "binary_cross_entropy": binary_cross_entropy,
    "masked_binary_cross_entropy": masked_binary_cross_entropy,
    "mse": mean_squared_error,
    "relative_l2": relative_l2,
}
